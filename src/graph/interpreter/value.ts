import type { OpAttributes, OpName } from "../ops.js";
import type { Shape } from "../shape.js";

/** An array with its shape; conditions are 0 and 1. */
export interface Value {
  readonly shape: Shape;
  readonly data: Float64Array;
}

/** Computes the outputs of one operation, whose shapes are given, row-major and in float64. */
export type Kernel<K extends OpName> = (
  attributes: OpAttributes[K],
  inputs: readonly Value[],
  outputs: readonly Shape[],
) => readonly Float64Array[];
