import type { Tensor } from "../graph/graph.js";
import type { OpAttributes, OpName } from "../graph/ops.js";
import type { Shape } from "../graph/shape.js";
import type { OnnxEmitter } from "./emitter.js";

/** What a lowering sees of its node: the names of its inputs, and their and its first output's shapes. */
export interface LoweringContext<K extends OpName> {
  readonly attributes: OpAttributes[K];
  readonly inputs: readonly string[];
  readonly shapes: readonly Shape[];
  /** For each input, the number that all its elements share, where it is such a constant. */
  readonly values: readonly (number | undefined)[];
  readonly output: Shape;
  /** The inputs themselves, and names of whatever they were made from: for lowerings of several nodes at once. */
  readonly tensors: readonly Tensor[];
  readonly nameOf: (tensor: Tensor) => string;
}

/** Emits the ONNX nodes of one operation and returns the names of its outputs. */
export type Lowering<K extends OpName> = (e: OnnxEmitter, node: LoweringContext<K>) => string | string[];

export type LoweringTable = { readonly [K in Exclude<OpName, "input">]: Lowering<K> };
