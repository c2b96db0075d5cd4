import type { FloatTensor } from "../formats/tensor.js";
import type { AdamOptions, AdamScalars } from "../nn/adam.js";
import type { GraphSession } from "./ort.js";

/** One update of some parameters by Adam. */
export interface UpdateRequest {
  readonly optimizer: string;
  /** By parameter, `<network>/<name>`. */
  readonly gradients: ReadonlyMap<string, FloatTensor>;
  readonly adam: AdamOptions;
  readonly scalars: AdamScalars<number>;
}

/** One run of a graph on the state. */
export interface RunRequest {
  readonly feeds: ReadonlyMap<string, FloatTensor>;
  /** The outputs that are wanted. */
  readonly fetches: readonly string[];
  /** Likewise, in arrays that the next run or update reuses. */
  readonly gradients?: readonly string[];
  /** State that the graph rewrites: the outputs `next/<name>` become its value, all or none. */
  readonly rewritten?: readonly string[];
}

/** Where a model's tensors are between runs: the host's memory or a device's. */
export interface StateMemory {
  /** Sets the value of a tensor; the array may be kept. */
  write(key: string, value: FloatTensor): void;
  /** Copies of the current values. */
  read(): Promise<Map<string, FloatTensor>>;
  /**
   * Runs a graph on the state: inputs with the name of a tensor get its value.
   * @returns the outputs asked for
   */
  run(session: GraphSession, request: RunRequest): Promise<Map<string, FloatTensor>>;
  /** Updates parameters and moments. */
  update(request: UpdateRequest): Promise<void>;
  /** Frees the device's memory. */
  close(): Promise<void>;
}
