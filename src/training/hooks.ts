import type { Scaling } from "../runtime/runner.js";

/** Told to `onStart`. */
export interface StartEvent {
  /** Steps already trained: 0, or where a continued run stands. */
  readonly step: number;
  readonly epoch: number;
  /** Infinite where a time ends the training. */
  readonly lastEpoch: number;
  readonly batchesPerEpoch: number;
  /** The step at which the training ends; infinite where a time does. */
  readonly totalSteps: number;
  /** That time, in milliseconds of `performance.now()`. */
  readonly deadline?: number;
}

/** Told to `onStep`, after every step. */
export interface StepEvent {
  /** Steps trained in all, with this one. */
  readonly step: number;
  readonly epoch: number;
  /** Batches of the epoch trained, with this one. */
  readonly batch: number;
  readonly learningRate: number;
  /** By the reference's names: `G_GAN`, `G_L1`, `D_real`, `D_fake`, or `G_A`, `D_A`, `cycle_A`, `idt_A`, … */
  readonly losses: Readonly<Record<string, number>>;
  readonly images: number;
  /** Seconds of the step itself. */
  readonly seconds: number;
  /** Seconds it waited for its batch. */
  readonly dataSeconds: number;
  /** With `fp16`: the loss scale, and whose updates were skipped. */
  readonly scaling?: Scaling;
}

/** Told to `onEpochEnd`. */
export interface EpochEvent {
  readonly epoch: number;
  readonly step: number;
  /** The rate of the next epoch. */
  readonly learningRate: number;
  /** Mean distance to the truth on the validation images, where it was measured. */
  readonly validation?: number;
  /** Whether that is the lowest so far. */
  readonly best?: boolean;
}

/** Told to `onSample`: an image of inputs and outputs was written. */
export interface SampleEvent {
  readonly step: number;
  readonly path: string;
}

/** Told to `onCheckpoint`: a checkpoint was written, whole. */
export interface CheckpointEvent {
  readonly step: number;
  readonly epoch: number;
  readonly path: string;
  /** Kept for good, or removed when two newer ones exist. */
  readonly kept: boolean;
}

/** Callbacks of a training. They are called in order, between steps; what they throw ends the training. */
export interface TrainHooks {
  onStart?(event: StartEvent): void;
  onStep?(event: StepEvent): void;
  onEpochEnd?(event: EpochEvent): void;
  onSample?(event: SampleEvent): void;
  onCheckpoint?(event: CheckpointEvent): void;
  /** A line for the person: a warning, the memory estimate, what was found on resuming, a diagnosis. */
  onNotice?(line: string): void;
}
