import { PixcycleError } from "../errors.js";
import type { FloatTensor } from "../formats/tensor.js";
import type { Options } from "../options/schema.js";
import type { Batch, ModelRunner, StepSetup } from "../runtime/runner.js";
import { Diagnosis } from "./diagnosis.js";
import { badLoss, isSound, RECOVERY_RATE } from "./guard.js";
import type { TrainHooks } from "./hooks.js";
import {
  addValidation,
  continuePosition,
  isFinished,
  lastEpoch,
  stepsLeft,
  stopsEarly,
  type TrainingPosition,
} from "./position.js";
import type { RunStore, TrainingLog } from "./run-store.js";
import { endEpoch, rateAtTime } from "./schedule.js";
import type { SampleSize } from "./sizes.js";

/** Where the batches come from. The order is decided by the options and the epoch alone. */
export interface TrainingData {
  readonly batchesPerEpoch: number;
  /** The size of the largest image that a batch holds. */
  readonly largest: SampleSize;
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
  readonly store: RunStore;
  /** Where to begin; the runner's state must be of that position. */
  readonly start: TrainingPosition;
  readonly hooks?: TrainHooks;
  /** When aborted, the step in progress is finished and saved, and the training returns. */
  readonly signal?: AbortSignal;
  /**
   * When to end, in milliseconds of `performance.now()`, however many steps fit; the rate then follows the time (see
   * `rateAtTime`), and the options' epochs and steps say nothing. Such a training cannot be repeated exactly.
   */
  readonly deadline?: number;
  /** A distance to the truth on images that are not trained on: for the plateau schedule and `val_freq`. */
  readonly validate?: () => Promise<number>;
  /** Awaited before every step: where a training can be paused, and its state saved as it is then. */
  readonly beforeStep?: (save: () => Promise<void>) => Promise<void>;
  /** Writes a step's images (by the reference's names, the real ones too), returns the path. */
  readonly writeSample?: (step: number, images: Readonly<Record<string, FloatTensor>>) => Promise<string>;
}

/** How a training ended. */
export interface TrainingResult {
  readonly position: TrainingPosition;
  /** False if the training was interrupted before its end. */
  readonly finished: boolean;
  /** The newest checkpoint that was written; undefined if there was nothing to save. */
  readonly checkpoint: string | undefined;
  /** Losses of the last step. */
  readonly losses: Readonly<Record<string, number>>;
  /** Share of the time of the steps, [0, 1], that was spent waiting for images. */
  readonly waiting: number;
}

/**
 * Trains from a position to the end of the last epoch or `max_steps`, or to the deadline, writing metrics, samples and checkpoints.
 * Without a deadline, interrupted at any step and continued, it reaches the same state as without the interruption.
 * When a loss is not a number, it goes back to the last good checkpoint, once, and on at half the rate.
 * @throws PixcycleError E_DIVERGED the second time, or without a checkpoint; E_FILE_WRITE; earlier checkpoints stay whole
 */
export async function runTraining(parts: TrainerParts): Promise<TrainingResult> {
  const trainer = new Trainer(parts, await parts.store.openLog(parts.start.step));
  try {
    return await trainer.run();
  } finally {
    await trainer.close();
  }
}

class Trainer {
  private position: TrainingPosition;
  private losses: Readonly<Record<string, number>> = {};
  /** Seconds of the steps, and that they waited for their batches. */
  private readonly time = { steps: 0, waiting: 0 };
  private savedStep: number;
  private checkpoint: string | undefined;
  private readonly diagnosis: Diagnosis;
  private readonly began = performance.now();

  constructor(
    private readonly parts: TrainerParts,
    private log: TrainingLog,
  ) {
    this.position = parts.start;
    this.savedStep = parts.start.step;
    this.diagnosis = new Diagnosis(parts.options);
  }

  close(): Promise<void> {
    return this.log.close();
  }

  async run(): Promise<TrainingResult> {
    const { options, hooks, deadline } = this.parts;
    hooks?.onStart?.({
      step: this.position.step,
      epoch: this.position.epoch,
      batchesPerEpoch: this.position.batchesPerEpoch,
      ...(deadline === undefined
        ? {
            lastEpoch: lastEpoch(options),
            totalSteps: this.position.step + stepsLeft(this.position, options),
          }
        : { lastEpoch: Number.POSITIVE_INFINITY, totalSteps: Number.POSITIVE_INFINITY, deadline }),
    });
    await this.trainToTheEnd();
    const finished = this.isFinished();
    if (stopsEarly(this.position, options)) {
      const { best, bestStep, worse } = this.position.validation!;
      hooks?.onNotice?.(
        `stopped early: ${worse} validations were no better than ${best.toPrecision(3)} of step ${bestStep} (--epoch best)`,
      );
    }
    const { position, checkpoint, losses, time } = this;
    const waiting = time.waiting / (time.steps + time.waiting || 1);
    return { position, finished, checkpoint, losses, waiting };
  }

  /** Trains and saves; where the last step spoilt the weights, goes back as after a bad loss. */
  private async trainToTheEnd(): Promise<void> {
    for (;;) {
      while (!this.isOver()) await this.trainEpoch();
      const { step } = this.position;
      if (this.savedStep >= step || (await this.save(this.isFinished()))) return;
      await this.goBack(`The weights are not numbers after step ${step}.`, step + 1);
    }
  }

  private isOver(): boolean {
    return this.parts.signal?.aborted === true || this.isFinished();
  }

  private isFinished(): boolean {
    const { options, deadline } = this.parts;
    if (deadline === undefined) return isFinished(this.position, options);
    return performance.now() >= deadline && this.position.step > this.parts.start.step;
  }

  /** The rate of the next step. */
  private get learningRate(): number {
    const { options, deadline } = this.parts;
    const { schedule, recovery } = this.position;
    const planned =
      deadline === undefined
        ? schedule.learningRate
        : rateAtTime(options.lr, this.began, deadline, performance.now());
    return planned * (recovery?.rateFactor ?? 1);
  }

  private async trainEpoch(): Promise<void> {
    const { epoch, step } = this.position;
    let asked = performance.now();
    for await (const batch of this.loaded(epoch)) {
      const dataSeconds = (performance.now() - asked) / 1000;
      await this.parts.beforeStep?.(async () => void (await this.save(false)));
      if (this.isOver()) return;
      const wentOn = await this.trainStep(batch, dataSeconds);
      if (!wentOn || this.position.epoch !== epoch || this.isOver()) return;
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

  /** @returns false if it went back to a checkpoint instead */
  private async trainStep(batch: Batch, dataSeconds: number): Promise<boolean> {
    const { options, runner, hooks } = this.parts;
    const { epoch } = this.position;
    const { learningRate } = this;
    const step = this.position.step + 1;
    const visuals = this.parts.writeSample !== undefined && step % options.display_freq === 0;

    const began = performance.now();
    const result = await runner.step(batch, { learningRate, visuals });
    const seconds = (performance.now() - began) / 1000;
    this.time.steps += seconds;
    this.time.waiting += dataSeconds;
    if (result.setup) hooks?.onNotice?.(describeSetup(result.setup, seconds));
    const bad = badLoss(result.losses);
    if (bad !== undefined) {
      await this.goBack(`The loss ${bad.name} became ${bad.value} at step ${step}.`, step);
      return false;
    }
    this.losses = result.losses;
    this.position = { ...this.position, step, batch: this.position.batch + 1 };

    const { losses, scaling } = result;
    const scaled = scaling && { scaling };
    await this.log.step({ step, epoch, learningRate, losses, seconds, dataSeconds, ...scaled });
    const images = batch.real_A.shape[0] ?? 1;
    const { batch: trained } = this.position;
    hooks?.onStep?.({
      step,
      epoch,
      batch: trained,
      learningRate,
      losses,
      images,
      seconds,
      dataSeconds,
      ...scaled,
    });
    if (visuals) {
      const { real_A, real_B } = batch;
      const shown = { real_A, real_B, ...result.visuals };
      const path = await this.parts.writeSample!(step, shown);
      await this.log.sample(step, path);
      hooks?.onSample?.({ step, path });
      await this.tell(this.diagnosis.sample(step, shown));
    }
    await this.tell(this.diagnosis.step(losses, scaling));
    const epochEnded = this.position.batch >= this.position.batchesPerEpoch;
    if (epochEnded) await this.endEpoch();
    const kept = epochEnded && epoch % options.save_epoch_freq === 0;
    const isBest = epochEnded && this.position.validation?.bestStep === step;
    if (kept || isBest || step % options.save_latest_freq === 0) await this.save(kept);
    return true;
  }

  private async endEpoch(): Promise<void> {
    const { options, hooks } = this.parts;
    const { epoch, step } = this.position;
    const distance = await this.validate();
    const schedule = endEpoch(this.position.schedule, options, distance);
    this.position = { ...this.position, epoch: epoch + 1, batch: 0, schedule };
    const ended = { epoch, step, learningRate: this.learningRate };
    if (distance === undefined) {
      hooks?.onEpochEnd?.(ended);
      return;
    }
    const validation = addValidation(this.position.validation, step, distance);
    this.position = { ...this.position, validation };
    await this.log.validation(step, epoch, distance);
    hooks?.onEpochEnd?.({ ...ended, validation: distance, best: validation.bestStep === step });
  }

  /** Measures an epoch that the options want measured. */
  private async validate(): Promise<number | undefined> {
    const { lr_policy, val_freq } = this.parts.options;
    const due = lr_policy === "plateau" || (val_freq > 0 && this.position.epoch % val_freq === 0);
    return due ? this.parts.validate?.() : undefined;
  }

  /** Goes on from the last good checkpoint at a lower rate; or says why not. */
  private async goBack(problem: string, failedStep: number): Promise<void> {
    const { runner, store } = this.parts;
    const good = await store.lastGood(this.position.step);
    if (good !== undefined) await store.makeNewest(good.path);
    if (good === undefined || this.position.recovery !== undefined) {
      const again = this.position.recovery === undefined ? "" : "Half the rate did not help. ";
      const hint = again + (await this.adviceAfter(failedStep, good?.position.step));
      throw new PixcycleError("E_DIVERGED", problem, { hint });
    }
    await runner.loadState(good.state);
    const fromStep = good.position.step;
    // The checkpoint may be of an earlier call with another rate, or other data.
    const position = continuePosition(good.position, this.parts.options, this.position.batchesPerEpoch);
    this.position = { ...position, recovery: { failedStep, fromStep, rateFactor: RECOVERY_RATE } };
    this.savedStep = fromStep;
    this.checkpoint = good.path;
    await this.log.close();
    this.log = await store.openLog(fromStep);
    await this.tell([`${problem} Back to the checkpoint of step ${fromStep}, and on at half the rate.`]);
  }

  /** What to do after a step failed for good, with the step of the newest checkpoint, if there is one. */
  private async adviceAfter(failedStep: number, good: number | undefined): Promise<string> {
    if (good === undefined) return "Begin again with a lower --lr: there is no good checkpoint.";
    const lower = "continue with --continue_train and a lower --lr";
    // Right before the failed step, or after a recovery, weights may be finite and yet too large to go on with.
    const recoveredFrom = this.position.recovery?.fromStep ?? good;
    if (good + 1 < failedStep && good <= recoveredFrom) return `Step ${good} is good: ${lower}.`;
    const before = recoveredFrom < good ? recoveredFrom : good - 1;
    const older = await this.parts.store.lastGood(before);
    const other = older === undefined ? "begin again" : `add --epoch step-${older.position.step}`;
    return `Step ${good} may be good: ${lower}; if that fails, ${other}.`;
  }

  private async tell(lines: readonly string[]): Promise<void> {
    const { step, epoch } = this.position;
    for (const line of lines) {
      await this.log.notice(step, epoch, line);
      this.parts.hooks?.onNotice?.(line);
    }
  }

  /** @returns false where the weights are spoilt: nothing is written, and the next loss will tell */
  private async save(kept: boolean): Promise<boolean> {
    const { options, runner, store, hooks } = this.parts;
    const { position } = this;
    try {
      const state = await runner.saveState();
      if (!isSound(state)) return false;
      const path = await store.save(state, { kept, position, options });
      this.checkpoint = path;
      this.savedStep = position.step;
      hooks?.onCheckpoint?.({ step: position.step, epoch: position.epoch, path, kept });
      return true;
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

/** One line for the person: why the first step of a batch shape takes longer. */
const describeSetup = ({ nodes, graphSeconds, sessionSeconds }: StepSetup, seconds: number): string =>
  `${nodes} operations of a step written in ${graphSeconds.toFixed(1)} s, their session made in ${sessionSeconds.toFixed(1)} s; ` +
  `with the first step ${seconds.toFixed(1)} s`;
