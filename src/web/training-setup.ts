import type { SentError } from "../errors.js";
import type { OptionValues } from "../options/resolve.js";
import type { ModelOptions, Options } from "../options/schema.js";
import type { CheckpointEvent, SampleEvent, TrainHooks } from "../training/hooks.js";
import type { TrainingResult } from "../training/trainer.js";
import type { SentImages } from "./images.js";
import type { RunnerSettings } from "./model-engine.js";
import type { Device, RuntimeSettings } from "./runtime.js";

/** The options of a training in a page: those of `pixcycle train`, without files and folders. `device` cpu is wasm. */
export type WebTrainOptions = Omit<
  OptionValues,
  | ("dataroot" | "phase" | "num_threads" | "name" | "runs_dir" | "continue_train" | "epoch" | "overwrite")
  | ("max_memory" | "print_freq")
>;

/** Told to `onSample`: images of the step, a row for each of the batch's first. */
export interface WebSampleEvent extends Pick<SampleEvent, "step"> {
  /** The reference's names: `real_A`, `fake_B`, … */
  readonly columns: readonly string[];
  readonly rows: readonly (readonly ImageData[])[];
}

/** Told to `onCheckpoint`. */
export interface WebCheckpointEvent extends Pick<CheckpointEvent, "step" | "epoch"> {
  /** The whole state of the training, to be kept and given to `train` again. */
  readonly file: Blob;
}

/** Callbacks of a training in a page. */
export interface WebTrainHooks extends Omit<TrainHooks, "onSample" | "onCheckpoint"> {
  onSample?(event: WebSampleEvent): void;
  /** Every `save_latest_freq` steps, at every `save_epoch_freq`th epoch's end, and in the end. */
  onCheckpoint?(event: WebCheckpointEvent): void;
}

/** A callback on its way to the page. */
export type TrainingEvent = {
  [K in keyof WebTrainHooks]-?: {
    readonly hook: K;
    readonly event: Parameters<NonNullable<WebTrainHooks[K]>>[0];
  };
}[keyof WebTrainHooks];

/** How a training ended. */
export type TrainingEnd = Pick<TrainingResult, "position" | "finished" | "losses">;

/** What the worker of a training tells the page without being asked. */
export type TrainingMessage = TrainingEvent | { readonly end: TrainingEnd } | { readonly failure: SentError };

/** What trains, and on what. */
export interface TrainingInfo {
  /** All of them, with what was left out. */
  readonly options: Options;
  readonly device: Device;
  /** Threads on wasm; 1 on WebGPU. */
  readonly threads: number;
  readonly batchesPerEpoch: number;
  /** Steps trained already: 0, or where a continued training stands. */
  readonly step: number;
}

/** What a training is started with. */
export interface TrainingRequest extends Pick<RuntimeSettings, "runtime"> {
  readonly images: SentImages;
  readonly heldOut?: SentImages;
  readonly options: WebTrainOptions;
  readonly checkpoint?: Blob;
  readonly weights?: Readonly<Record<string, Blob>>;
}

/** What the web worker of a training is started with. */
export type TrainingSetup =
  | { readonly kind: "model"; readonly options: ModelOptions; readonly settings: RunnerSettings }
  | { readonly kind: "training"; readonly request: TrainingRequest };
