import { type InitialSpec, type InitOptions, initialValue } from "../nn/initialise.js";

/** The tensors that a model starts with, and what decides their values: the same wherever and in whatever order they are made. */
export interface StartingTensors {
  /** Each by the name that the graphs use. */
  readonly tensors: readonly (InitialSpec & { readonly key: string })[];
  readonly init: InitOptions;
  readonly seed: number;
}

/** Makes the values, in the order of the tensors, each in an array with a buffer of its own. */
export type MakeValues = (wanted: StartingTensors) => Promise<readonly Float32Array[]>;

/** Makes them at once, in this thread. */
export const startingValues = ({ tensors, init, seed }: StartingTensors): Float32Array<ArrayBuffer>[] =>
  tensors.map((tensor) => initialValue(tensor, tensor.key, init, seed));
