import { type FileHandle, open, readFile } from "node:fs/promises";
import { fileWriteError, writeFileAtomic } from "../formats/atomic.js";

/** One line of `metrics.jsonl`. */
export interface MetricsRecord {
  /** Steps trained in all, with this one. */
  readonly step: number;
  readonly epoch: number;
  readonly learning_rate?: number;
  readonly losses?: Readonly<Record<string, number>>;
  /** Seconds that the step took, and that it waited for its batch. */
  readonly seconds?: number;
  readonly data_seconds?: number;
  /** With `fp16`: what losses were multiplied with, and the optimisers that were skipped, if any. */
  readonly loss_scale?: number;
  readonly skipped?: readonly string[];
  /** The validation metric of an ended epoch. */
  readonly validation?: number;
  /** A line for the person: a diagnosis, or that the training was taken back. */
  readonly notice?: string;
}

/** The log of a run: one JSON object a line, in order of steps. */
export class MetricsLog {
  private constructor(
    private readonly path: string,
    private readonly file: FileHandle,
  ) {}

  /**
   * Opens the log. Lines after `step`, and a last line that a killed process left unfinished, are cut off.
   * @param step the step that the training continues from; 0 begins a new log
   */
  static async open(path: string, step: number): Promise<MetricsLog> {
    const text = await readFile(path, "utf8").catch(() => "");
    const lines = text.split("\n").filter((line) => line !== "");
    const valid = lines.filter((line) => isUpTo(line, step));
    await writeFileAtomic(path, valid.map((line) => `${line}\n`).join(""));
    return new MetricsLog(path, await open(path, "a"));
  }

  /** Appends one line. Throws PixcycleError E_FILE_WRITE, for instance on a full disk. */
  async append(record: MetricsRecord): Promise<void> {
    try {
      await this.file.appendFile(`${JSON.stringify(record)}\n`);
    } catch (cause) {
      throw fileWriteError(this.path, cause);
    }
  }

  async close(): Promise<void> {
    await this.file.close();
  }
}

function isUpTo(line: string, step: number): boolean {
  try {
    return (JSON.parse(line) as MetricsRecord).step <= step;
  } catch {
    return false;
  }
}
