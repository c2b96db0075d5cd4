import { PixcycleError } from "../errors.js";
import type { FloatTensor } from "../formats/tensor.js";
import type { Options } from "../options/schema.js";
import type { Batch, ModelRunner } from "../runtime/runner.js";
import { pruneCheckpoints, saveCheckpoint } from "./checkpoint.js";
import type { TrainHooks } from "./hooks.js";
import { isFinished, lastEpoch, stepsLeft, type TrainingPosition } from "./position.js";
import { type RunFolder, writeLatest } from "./run-folder.js";
import { RunLog } from "./run-log.js";
import { endEpoch } from "./schedule.js";

/** Where the batches come from. The order is decided by the options and the epoch alone. */
export interface TrainingData {
  readonly batchesPerEpoch: number;
  /** The size of the largest image that a batch holds. */
  readonly largest: { readonly width: number; readonly height: number };
  /** The batches of an epoch (numbered from 1), without the first `startBatch`. */
  batches(epoch: number, startBatch: number): AsyncIterable<Batch>;
  /** Ends what loads ahead. */
  close(): Promise<void>;
}

/** What a trainer works with. Everything is given, nothing is looked up. */
export interface TrainerParts {
  readonly options: Options;
  readonly runner: ModelRunner;
  readonly data: TrainingData;
  readonly folder: RunFolder;
  /** Where to begin; the runner's state must be of that position. */
  readonly start: TrainingPosition;
  readonly hooks?: TrainHooks;
  /** When aborted, the step in progress is finished and saved, and the training returns. */
  readonly signal?: AbortSignal;
  /** A distance to the truth on images that are not trained on, for the plateau schedule. */
  readonly validate?: () => Promise<number>;
  /** Writes a step's images (by the reference's names, the real ones too), returns the path. */
  readonly writeSample?: (step: number, images: Readonly<Record<string, FloatTensor>>) => Promise<string>;
}

export interface TrainingResult {
  readonly position: TrainingPosition;
  /** False if the training was interrupted before its end. */
  readonly finished: boolean;
  /** The newest checkpoint that was written; undefined if there was nothing to save. */
  readonly checkpoint: string | undefined;
  /** Losses of the last step. */
  readonly losses: Readonly<Record<string, number>>;
}

/**
 * Trains from a position to the end of the last epoch or `max_steps`, writing metrics, samples and checkpoints.
 * Interrupted at any step and continued, it reaches the same state as without the interruption.
 * @throws PixcycleError E_DIVERGED if a loss is not a number, E_FILE_WRITE; earlier checkpoints stay whole
 */
export async function runTraining(parts: TrainerParts): Promise<TrainingResult> {
  const log = await RunLog.open(parts.folder, parts.start.step);
  try {
    return await new Trainer(parts, log).run();
  } finally {
    await log.close();
  }
}

class Trainer {
  private position: TrainingPosition;
  private losses: Readonly<Record<string, number>> = {};
  private savedStep: number;
  private checkpoint: string | undefined;

  constructor(
    private readonly parts: TrainerParts,
    private readonly log: RunLog,
  ) {
    this.position = parts.start;
    this.savedStep = parts.start.step;
  }

  async run(): Promise<TrainingResult> {
    const { options, hooks } = this.parts;
    hooks?.onStart?.({
      step: this.position.step,
      epoch: this.position.epoch,
      lastEpoch: lastEpoch(options),
      batchesPerEpoch: this.position.batchesPerEpoch,
      totalSteps: this.position.step + stepsLeft(this.position, options),
    });
    while (!this.isOver()) await this.trainEpoch();
    const finished = isFinished(this.position, options);
    if (this.savedStep < this.position.step) await this.save(finished);
    return { position: this.position, finished, checkpoint: this.checkpoint, losses: this.losses };
  }

  private isOver(): boolean {
    return this.parts.signal?.aborted === true || isFinished(this.position, this.parts.options);
  }

  private async trainEpoch(): Promise<void> {
    const { epoch, step } = this.position;
    let asked = performance.now();
    for await (const batch of this.loaded(epoch)) {
      if (this.isOver()) return;
      await this.trainStep(batch, (performance.now() - asked) / 1000);
      if (this.position.epoch !== epoch || this.isOver()) return;
      asked = performance.now();
    }
    if (this.position.step === step && !this.isOver()) {
      throw new PixcycleError("E_DATA_EMPTY", `Epoch ${epoch} has no batch to train on.`);
    }
  }

  /** The epoch's batches. When one cannot be loaded, what was trained is saved before the error goes on. */
  private async *loaded(epoch: number): AsyncIterable<Batch> {
    const batches = this.parts.data.batches(epoch, this.position.batch)[Symbol.asyncIterator]();
    try {
      while (true) {
        const next = await batches.next().catch(async (error: unknown) => {
          if (this.savedStep < this.position.step) await this.save(false);
          throw error;
        });
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      await batches.return?.();
    }
  }

  private async trainStep(batch: Batch, dataSeconds: number): Promise<void> {
    const { options, runner, hooks } = this.parts;
    const { epoch } = this.position;
    const { learningRate } = this.position.schedule;
    const step = this.position.step + 1;
    const visuals = this.parts.writeSample !== undefined && step % options.display_freq === 0;

    const began = performance.now();
    const result = await runner.step(batch, { learningRate, visuals });
    const seconds = (performance.now() - began) / 1000;
    this.checkLosses(step, result.losses);
    this.losses = result.losses;
    this.position = { ...this.position, step, batch: this.position.batch + 1 };

    const { losses } = result;
    await this.log.step({ step, epoch, learningRate, losses, seconds, dataSeconds });
    const images = batch.real_A.shape[0] ?? 1;
    const { batch: trained } = this.position;
    hooks?.onStep?.({ step, epoch, batch: trained, learningRate, losses, images, seconds, dataSeconds });
    if (visuals) {
      const { real_A, real_B } = batch;
      const path = await this.parts.writeSample!(step, { real_A, real_B, ...result.visuals });
      await this.log.sample(step, path);
      hooks?.onSample?.({ step, path });
    }
    const epochEnded = this.position.batch >= this.position.batchesPerEpoch;
    if (epochEnded) await this.endEpoch();
    const kept = epochEnded && epoch % options.save_epoch_freq === 0;
    if (kept || step % options.save_latest_freq === 0) await this.save(kept);
  }

  private async endEpoch(): Promise<void> {
    const { options, hooks, validate } = this.parts;
    const { epoch, step } = this.position;
    const validation = await validate?.();
    const schedule = endEpoch(this.position.schedule, options, validation);
    this.position = { ...this.position, epoch: epoch + 1, batch: 0, schedule };
    const measured = validation === undefined ? {} : { validation };
    if (validation !== undefined) await this.log.validation(step, epoch, validation);
    hooks?.onEpochEnd?.({ epoch, step, learningRate: schedule.learningRate, ...measured });
  }

  private checkLosses(step: number, losses: Readonly<Record<string, number>>): void {
    const bad = Object.entries(losses).find(([, value]) => !Number.isFinite(value));
    if (bad === undefined) return;
    throw new PixcycleError("E_DIVERGED", `The loss ${bad[0]} became ${bad[1]} at step ${step}.`, {
      hint: `Try a lower --lr. ${this.lastGood()}`,
    });
  }

  private async save(kept: boolean): Promise<void> {
    const { options, runner, folder, hooks } = this.parts;
    const { position } = this;
    try {
      const state = await runner.saveState();
      const path = await saveCheckpoint(folder.checkpoints, state, { kept, position, options });
      await writeLatest(folder, path);
      this.checkpoint = path;
      this.savedStep = position.step;
      await pruneCheckpoints(path);
      hooks?.onCheckpoint?.({ step: position.step, epoch: position.epoch, path, kept });
    } catch (error) {
      if (!(error instanceof PixcycleError) || error.code !== "E_FILE_WRITE") throw error;
      const hint = [error.hint, this.lastGood()].join(" ");
      throw new PixcycleError("E_FILE_WRITE", error.message, { hint, cause: error });
    }
  }

  private lastGood(): string {
    if (this.savedStep === 0) return "No checkpoint has been written yet.";
    return `The newest whole checkpoint is of step ${this.savedStep}: continue with --continue_train.`;
  }
}
