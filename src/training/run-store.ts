import type { TensorMap } from "../formats/tensor.js";
import type { Options } from "../options/schema.js";
import type { Scaling } from "../runtime/runner.js";
import type { TrainingPosition } from "./position.js";

/** What a step leaves in the log. */
export interface LoggedStep {
  readonly step: number;
  readonly epoch: number;
  readonly learningRate: number;
  readonly losses: Readonly<Record<string, number>>;
  readonly seconds: number;
  readonly dataSeconds: number;
  readonly scaling?: Scaling;
}

/** The log of a training. */
export interface TrainingLog {
  step(step: LoggedStep): Promise<void>;
  validation(step: number, epoch: number, validation: number): Promise<void>;
  /** Notes a diagnosis, or that the training was taken back. */
  notice(step: number, epoch: number, notice: string): Promise<void>;
  /** Shows the images that `writeSample` wrote to `path`. */
  sample(step: number, path: string): Promise<void>;
  close(): Promise<void>;
}

/** What a checkpoint says of itself. */
export interface CheckpointAbout {
  /** Kept for good (written at the end of an epoch), or one of the passing ones. */
  readonly kept: boolean;
  readonly position: TrainingPosition;
  readonly options: Options;
}

/** A checkpoint that a training can go back to. */
export interface GoodState {
  readonly path: string;
  readonly position: TrainingPosition;
  readonly state: TensorMap;
}

/** Where a training leaves its log and its checkpoints: a run's folder, or a page. */
export interface RunStore {
  /** Opens the log of a training that continues after `step`; what it holds of later steps is dropped. */
  openLog(step: number): Promise<TrainingLog>;
  /**
   * Saves a checkpoint, at once and complete, and makes it the newest; what came before is as it was if that fails.
   * @returns where it is
   */
  save(state: TensorMap, about: CheckpointAbout): Promise<string>;
  /**
   * The newest checkpoint up to a step that is whole and all of whose numbers are finite: a loss is of the weights
   * before its step's update, so the last checkpoint may already be spoilt.
   */
  lastGood(step: number): Promise<GoodState | undefined>;
  /** Makes an older checkpoint the newest again. */
  makeNewest(path: string): Promise<void>;
}
