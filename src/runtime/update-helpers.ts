import type { AdamOptions, AdamScalars, AdamState } from "../nn/adam.js";

/** A parameter, its moments and its gradient, each in an array with a buffer of its own. */
export type UpdateTensors = AdamState<Float32Array> & { readonly gradient: Float32Array };

/**
 * Threads that take shares of an update. Arrays change hands with their buffers and come back: nothing is copied, and
 * unlike shared memory, which onnxruntime-node refuses, they can be fed to a session.
 */
export interface UpdateHelpers {
  readonly count: number;
  /**
   * Lets a helper update some parameters; meanwhile the given arrays are empty.
   * @param helper its number, from 0
   * @returns the arrays, in the same order
   */
  update(
    helper: number,
    tensors: readonly UpdateTensors[],
    adam: AdamOptions,
    scalars: AdamScalars<number>,
  ): Promise<readonly UpdateTensors[]>;
  close(): Promise<void>;
}

/** Fewer elements than this are updated faster than they are sent (some 0.2 ms, measured). */
const WORTH_SHARING = 2 ** 19;

/** Whether an update of tensors with these numbers of elements is shared. */
export function worthSharing(sizes: Iterable<number>): boolean {
  return [...sizes].reduce((sum, size) => sum + size, 0) >= WORTH_SHARING;
}

/**
 * Splits parameters into shares of nearly equal size, the largest first to the smallest share. Each is updated by itself,
 * so that the result does not depend on the number of shares.
 * @param sizes elements of each parameter
 * @returns the names in each share; all in the first where sharing does not pay
 */
export function sharesOf(sizes: ReadonlyMap<string, number>, count: number): string[][] {
  const shares = Array.from({ length: count }, () => ({ names: [] as string[], size: 0 }));
  const used = worthSharing(sizes.values()) ? shares : shares.slice(0, 1);
  for (const [name, size] of [...sizes].sort(([, a], [, b]) => b - a)) {
    const smallest = used.reduce((least, share) => (share.size < least.size ? share : least));
    smallest.names.push(name);
    smallest.size += size;
  }
  return shares.map(({ names }) => names);
}
