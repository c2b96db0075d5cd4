import { PixcycleError } from "../errors.js";
import { checkConvertible } from "./channels.js";
import type { DatasetFiles, Pair, Scan } from "./pairing.js";
import type { Image } from "./pixels.js";
import type { DatasetOptions } from "./sample.js";
import { checkPairSizes, splitColumn } from "./samples.js";
import { outputSize } from "./transforms.js";

/** What `checkDataset` found; `problems` is empty for a data set that can be trained on. */
export interface DatasetReport {
  /** Image files looked into. */
  readonly images: number;
  /** Sizes of the samples, as `width×height`; one for every mode that crops. */
  readonly sizes: readonly string[];
  readonly problems: readonly PixcycleError[];
}

export type CheckableOptions = DatasetOptions & { readonly batch_size: number };

/** Files read at once: enough to keep disk and cores busy. */
const CONCURRENCY = 8;

/** What is looked at of an image. */
type FoundHeader = Pick<Image, "width" | "height" | "channels">;

/** Reads an image's header, or the whole of it, so that damage inside is found too. */
export type ReadHeader = (path: string) => Promise<FoundHeader>;

/**
 * Looks into every file of a data set, and reports every problem instead of the first; into no further one once the
 * signal is aborted.
 */
export async function checkFiles(
  options: CheckableOptions,
  scan: Scan,
  header: ReadHeader,
  signal?: AbortSignal,
): Promise<DatasetReport> {
  const checker = new FileChecker(options, header);
  const found = new Set<string>();
  const problems: PixcycleError[] = [];
  await runAll(
    sampleChecks(checker, scan.files),
    async (sampleCheck) => {
      try {
        found.add(await sampleCheck());
      } catch (error) {
        problems.push(asProblem(error));
      }
    },
    signal,
  );
  problems.sort((a, b) => (a.message < b.message ? -1 : 1));
  const sizes = [...found].sort();
  return {
    images: checker.images,
    sizes,
    problems: [
      ...scan.errors,
      ...problems,
      ...colourProblems(options, checker),
      ...batchProblems(options, sizes),
    ],
  };
}

/** Colours cannot be learnt from gray images; a few among others do no harm. */
function colourProblems(
  { dataset_mode, dataroot }: CheckableOptions,
  { images, gray }: FileChecker,
): PixcycleError[] {
  if (dataset_mode !== "colorization" || images === 0 || gray < images) return [];
  return [
    new PixcycleError("E_DATA_EMPTY", `${dataroot} has ${images} images, all of them gray.`, {
      hint: "Colorization learns from colour images; it makes them gray itself.",
    }),
  ];
}

/** One check for each sample's files; each returns the size of the sample. */
function sampleChecks(checker: FileChecker, files: DatasetFiles): (() => Promise<string>)[] {
  const { input_nc, output_nc } = checker.options;
  switch (files.kind) {
    case "side_by_side":
      return files.files.map((path) => () => checker.sideBySide(path));
    case "pairs":
      return files.pairs.map((pair) => () => checker.pair(pair));
    case "unaligned":
      return [
        ...files.A.map((path) => () => checker.alone(path, input_nc)),
        ...files.B.map((path) => () => checker.alone(path, output_nc)),
      ];
    case "single":
      return files.files.map((path) => () => checker.alone(path, input_nc));
    case "colorization":
      return files.files.map((path) => () => checker.alone(path, 3));
  }
}

class FileChecker {
  images = 0;
  /** Those with one channel, or one and alpha. */
  gray = 0;

  constructor(
    readonly options: CheckableOptions,
    private readonly header: ReadHeader,
  ) {}

  async alone(path: string, channels: number): Promise<string> {
    const { width, height } = await this.read(path, [channels]);
    return this.sampleSize(width, height, path);
  }

  async pair(pair: Pair): Promise<string> {
    const [A, B] = await Promise.all([
      this.read(pair.A, [this.options.input_nc]),
      this.read(pair.B, [this.options.output_nc]),
    ]);
    checkPairSizes(this.options, A, B, pair);
    return this.sampleSize(A.width, A.height, pair.A);
  }

  async sideBySide(path: string): Promise<string> {
    const { width, height } = await this.read(path, [this.options.input_nc, this.options.output_nc]);
    const column = splitColumn(width, path);
    const halves = [
      { width: column, height },
      { width: width - column, height },
    ] as const;
    checkPairSizes(this.options, ...halves, { A: path, B: path });
    return this.sampleSize(column, height, path);
  }

  private async read(path: string, wantedChannels: readonly number[]): Promise<FoundHeader> {
    this.images++;
    const header = await this.header(path);
    if (header.channels < 3) this.gray++;
    for (const channels of wantedChannels) checkConvertible(header.channels, channels, path);
    return header;
  }

  private sampleSize(width: number, height: number, path: string): string {
    return outputSize(this.options, width, height, path).join("×");
  }
}

/** Samples of several sizes cannot share a batch, nor the two sides of an unaligned sample differ. */
function batchProblems(options: CheckableOptions, sizes: readonly string[]): PixcycleError[] {
  const unaligned = options.dataset_mode === "unaligned";
  if (sizes.length < 2 || (options.batch_size === 1 && !unaligned)) return [];
  const some = sizes.slice(0, 3).join(", ") + (sizes.length > 3 ? ", …" : "");
  const message = `Samples have ${sizes.length} sizes (${some}), which cannot share a batch.`;
  const hint = `Use ${unaligned ? "" : "--batch_size 1 or "}--preprocess resize_and_crop.`;
  return [new PixcycleError("E_DATA_SIZE", message, { hint })];
}

/** Runs `run` on every item, a few at once; on none more once the signal is aborted. */
export async function runAll<T>(
  items: readonly T[],
  run: (item: T) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  let next = 0;
  const runner = async () => {
    while (next < items.length && !signal?.aborted) await run(items[next++]!);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, runner));
}

/** Problems of the data are reported; anything else is a fault of the program and thrown on. */
export function asProblem(error: unknown): PixcycleError {
  if (error instanceof PixcycleError) return error;
  throw error;
}
