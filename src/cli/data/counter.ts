import type { CommandOutput } from "../command.js";

const REDRAW_MS = 100;
const PLAIN_LINE_MS = 10_000;

/** Shows how many of some images are done: a line that is rewritten on a terminal, else one every ten seconds. */
export function imageCounter(
  output: CommandOutput,
  verb: string,
): { onImage(done: number, total: number): void; end(): void } {
  let drawnAt = performance.now();
  let openLine = false;
  return {
    onImage(done, total) {
      const now = performance.now();
      if (now - drawnAt < (output.terminal ? REDRAW_MS : PLAIN_LINE_MS)) return;
      drawnAt = now;
      const line = `${verb} ${done} of ${total} images`;
      if (output.terminal) process.stderr.write(`\r${line}\x1b[K`);
      else output.note(line);
      openLine = output.terminal;
    },
    end() {
      if (openLine) process.stderr.write("\r\x1b[K");
      openLine = false;
    },
  };
}
