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
  return enough || position.epoch > lastEpoch(options);
}

/** Steps that are left from a position to the end of the training. */
export function stepsLeft(position: TrainingPosition, options: Options): number {
  const epochs = lastEpoch(options) - position.epoch + 1;
  const byEpochs = Math.max(0, epochs * position.batchesPerEpoch - position.batch);
  return options.max_steps > 0
    ? Math.min(byEpochs, Math.max(0, options.max_steps - position.step))
    : byEpochs;
}
