import type { Graph, Tensor } from "./graph.js";
import type { OpAttributes, OpName, Padding2d } from "./ops.js";
import { elements, type Shape, sameShape } from "./shape.js";

/** The tensor language: what networks, losses and gradient rules are written in. */

/** A tensor, or a number that broadcasts to it. */
export type Operand = Tensor | number;

const first = <K extends OpName>(
  graph: Graph,
  op: K,
  attributes: OpAttributes[K],
  inputs: readonly Tensor[],
): Tensor => graph.node(op, attributes, inputs)[0]!;

/** A value given from outside at every run. */
export const input = (graph: Graph, name: string, shape: Shape): Tensor =>
  first(graph, "input", { name, shape }, []);

/** A constant tensor; a single number without a shape is a scalar. */
export function constant(graph: Graph, data: number | Float32Array, shape: Shape = []): Tensor {
  const array = typeof data === "number" ? new Float32Array(elements(shape)).fill(data) : data;
  return first(graph, "constant", { shape, data: array }, []);
}

/** The number that all elements of a constant share, if there is one. */
export function constantValue(x: Tensor): number | undefined {
  if (x.node.op === "broadcast") return constantValue(x.node.inputs[0]!);
  if (x.node.op !== "constant") return undefined;
  const { data } = x.node.attributes;
  return data.length <= 64 && data.every((value) => value === data[0]) ? data[0] : undefined;
}

function operands(a: Operand, b: Operand): [Tensor, Tensor] {
  if (typeof a === "number") {
    if (typeof b === "number") throw new TypeError("At least one operand must be a tensor.");
    return [constant(b.graph, a), b];
  }
  if (typeof b === "number") return [a, constant(a.graph, b)];
  return [withoutBroadcast(a, b), withoutBroadcast(b, a)];
}

/** x before its broadcast, where the other operand broadcasts it all the same. */
function withoutBroadcast(x: Tensor, other: Tensor): Tensor {
  return x.node.op === "broadcast" && sameShape(x.shape, other.shape) && other.node.op !== "broadcast"
    ? x.node.inputs[0]!
    : x;
}

const isNumber = (x: Tensor, value: number): boolean => constantValue(x) === value;

export function add(a: Operand, b: Operand): Tensor {
  const [x, y] = operands(a, b);
  if (isNumber(y, 0) && covers(x, y)) return x;
  if (isNumber(x, 0) && covers(y, x)) return y;
  return first(x.graph, "add", {}, [x, y]);
}

export function sub(a: Operand, b: Operand): Tensor {
  const [x, y] = operands(a, b);
  return isNumber(y, 0) && covers(x, y) ? x : first(x.graph, "sub", {}, [x, y]);
}

export function mul(a: Operand, b: Operand): Tensor {
  const [x, y] = operands(a, b);
  if (isNumber(y, 1) && covers(x, y)) return x;
  if (isNumber(x, 1) && covers(y, x)) return y;
  return first(x.graph, "mul", {}, [x, y]);
}

export function div(a: Operand, b: Operand): Tensor {
  const [x, y] = operands(a, b);
  return first(x.graph, "div", {}, [x, y]);
}

/** Whether x already has the shape that broadcasting with y gives. */
const covers = (x: Tensor, y: Tensor): boolean =>
  y.rank <= x.rank && y.shape.every((extent, i) => extent === 1 || extent === x.shape[x.rank - y.rank + i]);

export function greater(a: Operand, b: Operand): Tensor {
  const [x, y] = operands(a, b);
  return first(x.graph, "greater", {}, [x, y]);
}

/** Elementwise condition ? a : b; the condition comes from `greater`. */
export function select(condition: Tensor, a: Operand, b: Operand): Tensor {
  const asTensor = (x: Operand): Tensor => (typeof x === "number" ? constant(condition.graph, x) : x);
  return first(condition.graph, "select", {}, [condition, asTensor(a), asTensor(b)]);
}

export const neg = (x: Tensor): Tensor => first(x.graph, "neg", {}, [x]);
export const exp = (x: Tensor): Tensor => first(x.graph, "exp", {}, [x]);
export const log = (x: Tensor): Tensor => first(x.graph, "log", {}, [x]);
export const sqrt = (x: Tensor): Tensor => first(x.graph, "sqrt", {}, [x]);
export const reciprocal = (x: Tensor): Tensor => first(x.graph, "reciprocal", {}, [x]);
export const abs = (x: Tensor): Tensor => first(x.graph, "abs", {}, [x]);
export const sign = (x: Tensor): Tensor => first(x.graph, "sign", {}, [x]);
export const tanh = (x: Tensor): Tensor => first(x.graph, "tanh", {}, [x]);
export const sigmoid = (x: Tensor): Tensor => first(x.graph, "sigmoid", {}, [x]);
/** log(1 + exp(x)). */
export const softplus = (x: Tensor): Tensor => first(x.graph, "softplus", {}, [x]);
export const relu = (x: Tensor): Tensor => first(x.graph, "relu", {}, [x]);
/** x where positive, slope · x elsewhere. */
export const leakyRelu = (x: Tensor, slope: number): Tensor => first(x.graph, "leakyRelu", { slope }, [x]);
/** x as a constant to gradients: PyTorch's `detach`. */
export const stopGradient = (x: Tensor): Tensor => first(x.graph, "stopGradient", {}, [x]);
/** x, from which everything is computed again. */
export const barrier = (x: Tensor): Tensor => first(x.graph, "barrier", {}, [x]);
export const square = (x: Tensor): Tensor => mul(x, x);

const allAxes = (x: Tensor): number[] => x.shape.map((_, axis) => axis);

/** Sum over axes (all by default), which stay with extent 1. */
export function reduceSum(x: Tensor, axes: readonly number[] = allAxes(x)): Tensor {
  return axes.every((axis) => x.shape[axis] === 1) ? x : first(x.graph, "reduceSum", { axes }, [x]);
}

/** Mean over axes (all by default), which stay with extent 1. */
export function reduceMean(x: Tensor, axes: readonly number[] = allAxes(x)): Tensor {
  return axes.every((axis) => x.shape[axis] === 1) ? x : first(x.graph, "reduceMean", { axes }, [x]);
}

/** Mean of all elements, as a scalar. */
export const mean = (x: Tensor): Tensor => reshape(reduceMean(x), []);

export function broadcast(x: Tensor, shape: Shape): Tensor {
  return sameShape(x.shape, shape) ? x : first(x.graph, "broadcast", { shape }, [x]);
}

export function reshape(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const source = x.node.op === "reshape" ? x.node.inputs[0]! : x;
  return sameShape(source.shape, shape) ? source : first(x.graph, "reshape", { shape }, [source]);
}

export function transpose(x: Tensor, perm: readonly number[]): Tensor {
  return perm.every((axis, i) => axis === i) ? x : first(x.graph, "transpose", { perm }, [x]);
}

/** Elements from `starts` to `ends` (exclusive) of every axis, every `steps`-th. */
export function slice(
  x: Tensor,
  starts: readonly number[],
  ends: readonly number[],
  steps: readonly number[] = starts.map(() => 1),
): Tensor {
  const whole = starts.every(
    (start, axis) => start === 0 && ends[axis] === x.shape[axis] && steps[axis] === 1,
  );
  return whole ? x : first(x.graph, "slice", { starts, ends, steps }, [x]);
}

/** Elements `start` to `end` of one axis. */
export function sliceAxis(x: Tensor, axis: number, start: number, end: number): Tensor {
  return slice(
    x,
    x.shape.map((_, i) => (i === axis ? start : 0)),
    x.shape.map((extent, i) => (i === axis ? end : extent)),
  );
}

/** Zeros before and after every axis and, with steps > 1, between its elements. */
export function padZero(
  x: Tensor,
  before: readonly number[],
  after: readonly number[],
  steps: readonly number[] = before.map(() => 1),
): Tensor {
  const nothing = before.every((n, axis) => n === 0 && after[axis] === 0 && steps[axis] === 1);
  return nothing ? x : first(x.graph, "padZero", { before, after, steps }, [x]);
}

/** The same padding on all four sides. */
export const evenPadding = (n: number): Padding2d => ({ top: n, left: n, bottom: n, right: n });

export const reflectPad = (x: Tensor, padding: Padding2d): Tensor =>
  first(x.graph, "reflectPad", padding, [x]);
export const reflectPadAdjoint = (x: Tensor, padding: Padding2d): Tensor =>
  first(x.graph, "reflectPadAdjoint", padding, [x]);

export function concat(parts: readonly Tensor[], axis: number): Tensor {
  return parts.length === 1 ? parts[0]! : first(parts[0]!.graph, "concat", { axis }, parts);
}

/** Repeats every pixel of the last two axes `scale` times on both. */
export const upsampleNearest = (x: Tensor, scale: number): Tensor =>
  first(x.graph, "upsampleNearest", { scale }, [x]);

/** Matrix product of the last two axes; the leading axes must be equal. */
export function matmul(
  a: Tensor,
  b: Tensor,
  options: { transposeA?: boolean; transposeB?: boolean } = {},
): Tensor {
  return first(
    a.graph,
    "matmul",
    { transposeA: options.transposeA ?? false, transposeB: options.transposeB ?? false },
    [a, b],
  );
}

export interface ConvOptions {
  readonly stride?: number;
  readonly padding?: Padding2d;
  readonly bias?: Tensor | undefined;
}

/** Cross-correlation of x [N, C, H, W] with w [O, C, kh, kw]. */
export function conv2d(
  x: Tensor,
  w: Tensor,
  { stride = 1, padding = evenPadding(0), bias }: ConvOptions = {},
): Tensor {
  return first(x.graph, "conv2d", { stride, padding }, bias ? [x, w, bias] : [x, w]);
}

/**
 * Transposed convolution of x [N, C, H, W] with w [C, O, kh, kw]; the output is `(H − 1) · stride + kh − padding`
 * high, plus `outputPadding`, as in PyTorch. `outputSize` overrides it.
 */
export function convTranspose2d(
  x: Tensor,
  w: Tensor,
  {
    stride = 1,
    padding = evenPadding(0),
    bias,
    outputPadding = 0,
    outputSize,
  }: ConvOptions & {
    readonly outputPadding?: number;
    readonly outputSize?: readonly [number, number];
  } = {},
): Tensor {
  const height = (x.shape[2]! - 1) * stride + w.shape[2]! - padding.top - padding.bottom + outputPadding;
  const width = (x.shape[3]! - 1) * stride + w.shape[3]! - padding.left - padding.right + outputPadding;
  return first(
    x.graph,
    "convTranspose2d",
    { stride, padding, outputSize: outputSize ?? [height, width] },
    bias ? [x, w, bias] : [x, w],
  );
}

/** Adjoint of conv2d in its weight: x [N, C, H, W] and dy [N, O, H′, W′] give [O, C, kh, kw]. */
export function convWeightGradient(
  x: Tensor,
  dy: Tensor,
  attributes: OpAttributes["convWeightGradient"],
): Tensor {
  return first(x.graph, "convWeightGradient", attributes, [x, dy]);
}

/** Cross-correlation of every channel of x [N, C, H, W] with a kernel of its own, w [C, 1, kh, kw]. */
export function depthwiseConv2d(
  x: Tensor,
  w: Tensor,
  { stride = 1, padding = evenPadding(0), bias }: ConvOptions = {},
): Tensor {
  return first(x.graph, "depthwiseConv2d", { stride, padding }, bias ? [x, w, bias] : [x, w]);
}

/** Adjoint of depthwiseConv2d in its image: y [N, C, H′, W′] and w [C, 1, kh, kw] give [N, C, ...outputSize]. */
export function depthwiseConvTranspose2d(
  y: Tensor,
  w: Tensor,
  attributes: OpAttributes["depthwiseConvTranspose2d"],
): Tensor {
  return first(y.graph, "depthwiseConvTranspose2d", attributes, [y, w]);
}

/** Adjoint of depthwiseConv2d in its weight: x [N, C, H, W] and dy [N, C, H′, W′] give [C, 1, kh, kw]. */
export function depthwiseConvWeightGradient(
  x: Tensor,
  dy: Tensor,
  attributes: OpAttributes["depthwiseConvWeightGradient"],
): Tensor {
  return first(x.graph, "depthwiseConvWeightGradient", attributes, [x, dy]);
}

/** Standardises over axes; also returns the mean and 1/√(variance + eps), with the axes kept. */
export function normalize(
  x: Tensor,
  axes: readonly number[],
  eps: number,
): { y: Tensor; mean: Tensor; rstd: Tensor } {
  const [y, mean, rstd] = x.graph.node("normalize", { axes, eps }, [x]);
  return { y: y!, mean: mean!, rstd: rstd! };
}
