import { PixcycleError } from "../errors.js";

/** Bytes that a training will take, by what takes them. */
export interface MemoryEstimate {
  /** Weights, gradients and the optimiser's moments. */
  readonly state: number;
  /** Activations of one step, at its peak. */
  readonly activations: number;
  /** Copies made while a checkpoint is written. */
  readonly saving: number;
}

/** An estimate is rough: only what exceeds the available memory by this factor is refused. */
const TOLERANCE = 1.25;
const MIB = 2 ** 20;

/** One line for the person: the sum, its parts, and what is available. */
export function describeMemory(estimate: MemoryEstimate, available = process.availableMemory()): string {
  const { state, activations, saving } = estimate;
  return (
    `memory: about ${inUnits(state + activations + saving)} (weights and optimiser ${inUnits(state)}, ` +
    `activations ${inUnits(activations)}, saving ${inUnits(saving)}), ${inUnits(available)} available`
  );
}

/**
 * Refuses a training that cannot fit, before the first step.
 * @param maxMemory MiB that the person allows, exactly; 0 compares with what is available, with some tolerance
 * @throws PixcycleError E_MEMORY with what to make smaller
 */
export function checkMemory(
  estimate: MemoryEstimate,
  maxMemory: number,
  available = process.availableMemory(),
): void {
  const total = estimate.state + estimate.activations + estimate.saving;
  const limit = maxMemory > 0 ? maxMemory * MIB : available * TOLERANCE;
  if (total <= limit) return;
  const allowed =
    maxMemory > 0 ? `max_memory allows ${inUnits(limit)}` : `${inUnits(available)} are available`;
  throw new PixcycleError("E_MEMORY", `The training needs about ${inUnits(total)} of memory, ${allowed}.`, {
    hint: "Use --checkpointing, a smaller --crop_size, --batch_size or --ngf, or raise --max_memory.",
  });
}

/** Bytes in MiB or GiB. */
export function inUnits(bytes: number): string {
  return bytes < 2 ** 30 ? `${Math.ceil(bytes / MIB)} MiB` : `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
