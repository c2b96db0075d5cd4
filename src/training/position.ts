import type { Options } from "../options/schema.js";
import { continueSchedule, type ScheduleState, startSchedule } from "./schedule.js";

/** How far a training has come; plain data, kept in checkpoints. */
export interface TrainingPosition {
  /** Number of the epoch in progress, from `epoch_count`. */
  readonly epoch: number;
  /** Batches of this epoch already trained. */
  readonly batch: number;
  /** Batches in an epoch when this was written. */
  readonly batchesPerEpoch: number;
  /** Steps trained in all. */
  readonly step: number;
  readonly schedule: ScheduleState;
  /** Set once the training was taken back after a loss that was not a number. */
  readonly recovery?: Recovery;
  /** Set by the first validation. */
  readonly validation?: ValidationState;
}

/** How a training was taken back. */
export interface Recovery {
  /** The step whose loss was not a number, and the step that the training went back to. */
  readonly failedStep: number;
  readonly fromStep: number;
  /** What the schedule's rate is multiplied with from there on. */
  readonly rateFactor: number;
}

/** What the validations so far have shown. */
export interface ValidationState {
  /** The lowest distance, and the step it was measured at: that of the best checkpoint. */
  readonly best: number;
  readonly bestStep: number;
  /** Validations since then. */
  readonly worse: number;
}

/** The state after one more validation. */
export function addValidation(
  before: ValidationState | undefined,
  step: number,
  distance: number,
): ValidationState {
  const better = before === undefined || distance < before.best;
  return better ? { best: distance, bestStep: step, worse: 0 } : { ...before, worse: before.worse + 1 };
}

/** Whether `early_stop` validations in a row were no better. */
export function stopsEarly({ validation }: TrainingPosition, { early_stop }: Options): boolean {
  return early_stop > 0 && validation !== undefined && validation.worse >= early_stop;
}

/** The position before the first step. */
export function startPosition(options: Options, batchesPerEpoch: number): TrainingPosition {
  const schedule = startSchedule(options);
  return { epoch: options.epoch_count, batch: 0, batchesPerEpoch, step: 0, schedule };
}

/**
 * The position of a continued training. If an epoch has another number of batches than before (images were added,
 * or the batch size was changed), the epoch in progress begins again.
 */
export function continuePosition(
  saved: TrainingPosition,
  options: Options,
  batchesPerEpoch: number,
): TrainingPosition {
  const batch = saved.batchesPerEpoch === batchesPerEpoch ? saved.batch : 0;
  return { ...saved, batch, batchesPerEpoch, schedule: continueSchedule(saved.schedule, options) };
}

/** The number of the last epoch. */
export function lastEpoch(options: Options): number {
  return options.n_epochs + options.n_epochs_decay;
}

/** Whether nothing is left to train. */
export function isFinished(position: TrainingPosition, options: Options): boolean {
  const enough = options.max_steps > 0 && position.step >= options.max_steps;
  return enough || stopsEarly(position, options) || position.epoch > lastEpoch(options);
}

/** Steps that are left from a position to the end of the training. */
export function stepsLeft(position: TrainingPosition, options: Options): number {
  const epochs = lastEpoch(options) - position.epoch + 1;
  const byEpochs = Math.max(0, epochs * position.batchesPerEpoch - position.batch);
  return options.max_steps > 0
    ? Math.min(byEpochs, Math.max(0, options.max_steps - position.step))
    : byEpochs;
}
