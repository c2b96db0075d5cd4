import { PixcycleError } from "../errors.js";
import type { DataOptions } from "../options/schema.js";
import { RandomStream } from "../random/philox.js";
import type { LoadedBatch } from "./batch.js";
import type { DatasetOptions } from "./sample.js";

/** Where batches come from: loading threads, or this thread. */
export interface BatchSource {
  load(epoch: number, indices: readonly number[]): Promise<LoadedBatch>;
  close(): Promise<void>;
}

/** Plain data: loading threads are given a copy. */
export type LoaderOptions = DatasetOptions &
  Pick<DataOptions, "batch_size" | "num_threads"> &
  Partial<Pick<DataOptions, "image_memory">>;

/** Batches loaded ahead, for each thread. */
const AHEAD_PER_THREAD = 2;

/** A batch that is being loaded. */
interface Job {
  readonly epoch: number;
  readonly index: number;
  readonly batch: Promise<LoadedBatch>;
}

/**
 * The batches of a data set, epoch by epoch. They depend on nothing but the options, the epoch and the batch's
 * number, so that a run can start anywhere and continue exactly.
 */
export class Loader {
  private jobs: Job[] = [];
  private order: { epoch: number; indices: number[] } | undefined;
  private closed = false;

  /** Use `createLoader`. */
  constructor(
    private readonly options: LoaderOptions,
    /** Samples of an epoch. */
    readonly samples: number,
    private readonly source: BatchSource,
  ) {}

  /** Batches of an epoch; the last may be smaller, as in the reference. */
  get batches(): number {
    return Math.ceil(this.samples / this.options.batch_size);
  }

  /**
   * The batches of an epoch (any number from 0 up) in order, from `startBatch` on. While they are consumed, the next
   * ones are loaded in the background, those of the following epoch too. A sample that cannot be loaded fails at
   * its batch. One epoch at a time.
   */
  async *epoch(epoch: number, startBatch = 0): AsyncGenerator<LoadedBatch, void, undefined> {
    for (let index = startBatch; index < this.batches; index++) yield this.take(epoch, index);
  }

  /** Ends the loading threads; what they have begun is finished and dropped. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.source.close();
  }

  private take(epoch: number, index: number): Promise<LoadedBatch> {
    if (this.closed) throw new PixcycleError("E_INTERNAL", "The loader is closed.");
    const first = this.jobs[0];
    if (first !== undefined && (first.epoch !== epoch || first.index !== index)) this.jobs = [];
    const ahead = 1 + AHEAD_PER_THREAD * this.options.num_threads;
    while (this.jobs.length < ahead) {
      const last = this.jobs.at(-1);
      if (last === undefined) this.start(epoch, index);
      else if (last.index + 1 < this.batches) this.start(last.epoch, last.index + 1);
      else this.start(last.epoch + 1, 0);
    }
    return this.jobs.shift()!.batch;
  }

  private start(epoch: number, index: number): void {
    const { batch_size } = this.options;
    const indices = this.orderOf(epoch).slice(index * batch_size, (index + 1) * batch_size);
    const batch = this.source.load(epoch, indices);
    // A batch that nobody takes must not end the process; who takes it still gets the error.
    batch.catch(() => undefined);
    this.jobs.push({ epoch, index, batch });
  }

  private orderOf(epoch: number): number[] {
    if (this.order?.epoch !== epoch) {
      const indices = Array.from({ length: this.samples }, (_, index) => index);
      if (!this.options.serial_batches)
        new RandomStream(this.options.seed, "shuffle", epoch).shuffle(indices);
      this.order = { epoch, indices };
    }
    return this.order.indices;
  }
}
