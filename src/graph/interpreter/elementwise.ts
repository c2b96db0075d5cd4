import { broadcastPositions, gather } from "./positions.js";
import type { Value } from "./value.js";

/** A kernel that applies a function to elements, the inputs broadcasting to the output's shape. */
const elementwise =
  <A>(apply: (attributes: A, ...elements: number[]) => number) =>
  (attributes: A, inputs: readonly Value[], [shape]: readonly (readonly number[])[]): Float64Array[] => {
    const columns = inputs.map((input) => gather(input.data, broadcastPositions(input.shape, shape!)));
    return [columns[0]!.map((_, i) => apply(attributes, ...columns.map((column) => column[i]!)))];
  };

const unary = (apply: (x: number) => number) => elementwise((_: object, x) => apply(x!));
const binary = (apply: (a: number, b: number) => number) => elementwise((_: object, a, b) => apply(a!, b!));

export const elementwiseKernels = {
  neg: unary((x) => -x),
  exp: unary(Math.exp),
  log: unary(Math.log),
  sqrt: unary(Math.sqrt),
  reciprocal: unary((x) => 1 / x),
  abs: unary(Math.abs),
  sign: unary(Math.sign),
  tanh: unary(Math.tanh),
  sigmoid: unary((x) => 1 / (1 + Math.exp(-x))),
  softplus: unary((x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))),
  relu: unary((x) => Math.max(x, 0)),
  leakyRelu: elementwise(({ slope }: { readonly slope: number }, x) => (x! > 0 ? x! : slope * x!)),
  stopGradient: unary((x) => x),
  barrier: unary((x) => x),

  add: binary((a, b) => a + b),
  sub: binary((a, b) => a - b),
  mul: binary((a, b) => a * b),
  div: binary((a, b) => a / b),
  greater: binary((a, b) => (a > b ? 1 : 0)),
  select: elementwise((_: object, condition, a, b) => (condition === 0 ? b! : a!)),
};
