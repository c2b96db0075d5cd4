import { PixcycleError } from "../errors.js";

/** Bytes that a training will take, by what takes them. */
export interface MemoryEstimate {
  /** Weights, gradients and the optimiser's moments. */
  readonly state: number;
  /** Activations of one step, at its peak. */
  readonly activations: number;
}

/** An estimate is rough: only what exceeds the available memory by this factor is refused. */
const TOLERANCE = 1.25;
const MIB = 2 ** 20;

/** One line for the person: `about 1.2 GiB (0.4 for weights …), 6.1 GiB are free`. */
export function describeMemory(estimate: MemoryEstimate, available = process.availableMemory()): string {
  const total = estimate.state + estimate.activations;
  return (
    `memory: about ${gib(total)} (weights and optimiser ${gib(estimate.state)}, ` +
    `activations ${gib(estimate.activations)}), ${gib(available)} available`
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
  const total = estimate.state + estimate.activations;
  const limit = maxMemory > 0 ? maxMemory * MIB : available * TOLERANCE;
  if (total <= limit) return;
  const allowed = maxMemory > 0 ? `max_memory allows ${gib(limit)}` : `${gib(available)} are available`;
  throw new PixcycleError("E_MEMORY", `a step needs about ${gib(total)} of memory, ${allowed}.`, {
    hint: "Use a smaller --crop_size, --batch_size or --ngf, or raise --max_memory.",
  });
}

function gib(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(bytes < 2 ** 30 ? 2 : 1)} GiB`;
}
