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

/** Where a model's tensors are between runs: the host's memory or a device's. */
export interface StateMemory {
  /** Sets the value of a tensor; the array may be kept. */
  write(key: string, value: FloatTensor): void;
  /** Copies of the current values. */
  read(): Promise<Map<string, FloatTensor>>;
  /**
   * Runs a graph on the state: inputs with the name of a tensor get its value, and the outputs `next/<name>` of those in
   * `rewritten` become its value, all or none.
   * @returns the outputs asked for by `fetches`
   */
  run(
    session: GraphSession,
    feeds: ReadonlyMap<string, FloatTensor>,
    fetches: ReadonlyMap<string, Float32Array | undefined>,
    rewritten?: readonly string[],
  ): Promise<Map<string, FloatTensor>>;
  /** Updates parameters and moments. */
  update(request: UpdateRequest): Promise<void>;
  /** Frees the device's memory. */
  close(): Promise<void>;
}
