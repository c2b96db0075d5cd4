import type { Options } from "../options/schema.js";

/** The options that decide a learning-rate schedule. */
export type ScheduleOptions = Pick<
  Options,
  "lr" | "lr_policy" | "lr_decay_iters" | "n_epochs" | "n_epochs_decay" | "epoch_count"
>;

/** Where a schedule stands; plain data, kept in checkpoints. */
export interface ScheduleState {
  /** Epochs ended since the schedule began: e of the formulas, from 0. */
  readonly epoch: number;
  /** The learning rate of the epoch in progress. */
  readonly learningRate: number;
  /** plateau: the lowest metric so far; null before the first. */
  readonly best: number | null;
  /** plateau: epochs since the metric last fell by more than the threshold. */
  readonly badEpochs: number;
}

const STEP_GAMMA = 0.1;
const PLATEAU = { factor: 0.2, threshold: 0.01, patience: 5, smallestChange: 1e-8 };

/** The state before the first epoch. */
export function startSchedule(options: ScheduleOptions): ScheduleState {
  const state = { epoch: 0, learningRate: options.lr, best: null, badEpochs: 0 };
  return { ...state, learningRate: closedForm(options, 0) ?? options.lr };
}

/** The state of a continued training: a rate that the options decide alone follows them if they were changed. */
export function continueSchedule(state: ScheduleState, options: ScheduleOptions): ScheduleState {
  return { ...state, learningRate: closedForm(options, state.epoch) ?? state.learningRate };
}

/**
 * The state after one more epoch. The policies are those of the reference
 * (https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix, networks.get_scheduler) on PyTorch's LambdaLR, StepLR,
 * ReduceLROnPlateau and CosineAnnealingLR.
 * @param metric a validation metric, the lower the better; only plateau looks at it
 */
export function endEpoch(state: ScheduleState, options: ScheduleOptions, metric?: number): ScheduleState {
  const epoch = state.epoch + 1;
  const learningRate = closedForm(options, epoch);
  return learningRate === undefined ? endPlateauEpoch(state, metric) : { ...state, epoch, learningRate };
}

/** The rate of epoch `e` for the policies that depend on the epoch alone; undefined for plateau. */
function closedForm(options: ScheduleOptions, e: number): number | undefined {
  const { lr, n_epochs, n_epochs_decay, epoch_count } = options;
  switch (options.lr_policy) {
    case "linear":
      return lr * (1 - Math.max(0, e + epoch_count - n_epochs) / (n_epochs_decay + 1));
    case "step":
      return lr * STEP_GAMMA ** Math.floor(e / options.lr_decay_iters);
    case "cosine":
      return (lr * (1 + Math.cos((Math.PI * e) / n_epochs))) / 2;
    case "plateau":
      return undefined;
  }
}

/**
 * The rate of a training that ends at a time instead of after its epochs: held for the first half of the time, then
 * linearly to zero at its end.
 * @param began, @param deadline, @param now milliseconds of one clock
 */
export function rateAtTime(lr: number, began: number, deadline: number, now: number): number {
  if (now >= deadline) return 0;
  return lr * Math.min(1, (2 * (deadline - now)) / (deadline - began));
}

function endPlateauEpoch(state: ScheduleState, metric = Number.POSITIVE_INFINITY): ScheduleState {
  const { factor, threshold, patience, smallestChange } = PLATEAU;
  const epoch = state.epoch + 1;
  const better = metric < (state.best ?? Number.POSITIVE_INFINITY) * (1 - threshold);
  if (better) return { ...state, epoch, best: metric, badEpochs: 0 };
  if (state.badEpochs < patience) return { ...state, epoch, badEpochs: state.badEpochs + 1 };
  const reduced = state.learningRate * factor;
  const learningRate = state.learningRate - reduced > smallestChange ? reduced : state.learningRate;
  return { ...state, epoch, learningRate, badEpochs: 0 };
}
