import type { GetWatcher } from "./get.js";
import { megabytes } from "./space.js";

/** Where progress is written: a terminal whose last line is rewritten, or a stream of plain lines. */
export interface ProgressSink {
  readonly terminal: boolean;
  /** Characters in a line of the terminal. */
  readonly columns: number;
  write(text: string): void;
}

const REDRAW_MS = 100;
const PLAIN_LINE_MS = 10_000;
const BAR_CELLS = 24;

/**
 * Shows a download: on a terminal one line with a bar, elsewhere a plain line every ten seconds.
 *
 * @param now milliseconds of a clock that only goes forward
 */
export function downloadProgress(
  sink: ProgressSink,
  now: () => number = () => performance.now(),
): GetWatcher & { end(): void } {
  let openLine = false;
  let drawnAt = Number.NEGATIVE_INFINITY;
  let first: { readonly at: number; readonly received: number } | undefined;

  const draw = (line: string, last: boolean) => {
    if (!last && now() - drawnAt < (sink.terminal ? REDRAW_MS : PLAIN_LINE_MS)) return;
    drawnAt = now();
    if (sink.terminal) sink.write(`\r${line.slice(0, sink.columns - 1)}\x1b[K`);
    else sink.write(`${line}\n`);
    openLine = sink.terminal;
  };
  const end = () => {
    if (openLine) sink.write("\n");
    openLine = false;
  };
  return {
    onProgress(received, total) {
      if (first === undefined || received < first.received) first = { at: now(), received };
      const seconds = (now() - first.at) / 1000;
      const rate = seconds > 0.5 ? (received - first.received) / seconds : undefined;
      draw(progressLine(received, total, rate), received === total);
    },
    onExtract: (images) => draw(`extracting: ${images} images`, false),
    onNotice(line) {
      end();
      sink.write(`${line}\n`);
    },
    end,
  };
}

/** `[#####-----] 42 %  49.1 of 116.9 MB  3.1 MB/s  22 s left`; without a total, what has come. */
export function progressLine(received: number, total: number | undefined, bytesPerSecond?: number): string {
  const speed = bytesPerSecond === undefined ? [] : [`${megabytes(bytesPerSecond)}/s`];
  if (total === undefined) return [megabytes(received), ...speed].join("  ");
  const share = total === 0 ? 1 : received / total;
  const filled = Math.floor(share * BAR_CELLS);
  const left = bytesPerSecond ? [`${Math.ceil((total - received) / bytesPerSecond)} s left`] : [];
  return [
    `[${"#".repeat(filled)}${"-".repeat(BAR_CELLS - filled)}] ${Math.floor(share * 100)} %`,
    `${megabytes(received)} of ${megabytes(total)}`,
    ...speed,
    ...left,
  ].join("  ");
}
