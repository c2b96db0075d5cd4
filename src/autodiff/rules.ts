import type { Tensor } from "../graph/graph.js";
import {
  add,
  broadcast,
  conv2d,
  convTranspose2d,
  convWeightGradient,
  depthwiseConv2d,
  depthwiseConvTranspose2d,
  depthwiseConvWeightGradient,
  div,
  greater,
  matmul,
  mul,
  neg,
  padZero,
  reciprocal,
  reduceMean,
  reduceSum,
  reflectPad,
  reflectPadAdjoint,
  reshape,
  select,
  sigmoid,
  sign,
  slice,
  sliceAxis,
  sub,
  transpose,
} from "../graph/language.js";
import type { OpAttributes, OpName } from "../graph/ops.js";
import type { Shape } from "../graph/shape.js";

/** What a gradient rule sees of its node. */
export interface RuleContext<K extends OpName> {
  readonly attributes: OpAttributes[K];
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
}

/**
 * Gradients of the inputs from those of the outputs (undefined: no gradient reaches that output).
 * An undefined result means that the input gets none.
 */
export type GradientRule<K extends OpName> = (
  node: RuleContext<K>,
  gradients: readonly (Tensor | undefined)[],
) => readonly (Tensor | undefined)[];

type OneOutput<K extends OpName> = (node: RuleContext<K>, dy: Tensor) => readonly (Tensor | undefined)[];

/** A rule for an operation with one output. */
const rule =
  <K extends OpName>(gradient: OneOutput<K>): GradientRule<K> =>
  (node, [dy]) =>
    gradient(node, dy!);

/** Sums dy over the axes along which an input of this shape was broadcast. */
function unbroadcast(dy: Tensor, shape: Shape): Tensor {
  const extra = dy.rank - shape.length;
  const axes = dy.shape.flatMap((extent, axis) =>
    axis < extra || (shape[axis - extra] === 1 && extent !== 1) ? [axis] : [],
  );
  return reshape(axes.length === 0 ? dy : reduceSum(dy, axes), shape);
}

/** Gradient of a convolution's bias: the sum over all but the channels. */
const biasGradient = (dy: Tensor): Tensor => reshape(reduceSum(dy, [0, 2, 3]), [dy.shape[1]!]);

const imageSize = (x: Tensor): [number, number] => [x.shape[2]!, x.shape[3]!];

/**
 * The gradient rule of every operation, in one table; "none" says that an operation has no useful derivative.
 * Rules are written in the tensor language, so that gradients can be differentiated again.
 */
export const GRADIENT_RULES: { readonly [K in OpName]: GradientRule<K> | "none" } = {
  input: "none",
  constant: "none",
  sign: "none",
  greater: "none",
  stopGradient: "none",

  barrier: rule((_, dy) => [dy]),
  neg: rule((_, dy) => [neg(dy)]),
  exp: rule(({ outputs: [y] }, dy) => [mul(dy, y!)]),
  log: rule(({ inputs: [x] }, dy) => [div(dy, x!)]),
  sqrt: rule(({ outputs: [y] }, dy) => [div(mul(dy, 0.5), y!)]),
  reciprocal: rule(({ outputs: [y] }, dy) => [neg(mul(dy, mul(y!, y!)))]),
  abs: rule(({ inputs: [x] }, dy) => [mul(dy, sign(x!))]),
  tanh: rule(({ outputs: [y] }, dy) => [mul(dy, sub(1, mul(y!, y!)))]),
  sigmoid: rule(({ outputs: [y] }, dy) => [mul(dy, mul(y!, sub(1, y!)))]),
  softplus: rule(({ inputs: [x] }, dy) => [mul(dy, sigmoid(x!))]),
  // The sign of the output is the sign of the input; keeping the output alone saves memory.
  relu: rule(({ outputs: [y] }, dy) => [mul(dy, select(greater(y!, 0), 1, 0))]),
  leakyRelu: rule(({ attributes: { slope }, outputs: [y] }, dy) => [
    mul(dy, select(greater(y!, 0), 1, slope)),
  ]),

  add: rule(({ inputs: [a, b] }, dy) => [unbroadcast(dy, a!.shape), unbroadcast(dy, b!.shape)]),
  sub: rule(({ inputs: [a, b] }, dy) => [unbroadcast(dy, a!.shape), unbroadcast(neg(dy), b!.shape)]),
  mul: rule(({ inputs: [a, b] }, dy) => [
    unbroadcast(mul(dy, b!), a!.shape),
    unbroadcast(mul(dy, a!), b!.shape),
  ]),
  div: rule(({ inputs: [a, b], outputs: [y] }, dy) => {
    const da = mul(dy, reciprocal(b!));
    return [unbroadcast(da, a!.shape), unbroadcast(neg(mul(da, y!)), b!.shape)];
  }),
  select: rule(({ inputs: [condition, a, b] }, dy) => [
    undefined,
    unbroadcast(select(condition!, dy, 0), a!.shape),
    unbroadcast(select(condition!, 0, dy), b!.shape),
  ]),

  reduceSum: rule(({ inputs: [x] }, dy) => [broadcast(dy, x!.shape)]),
  reduceMean: rule(({ inputs: [x], outputs: [y] }, dy) => [broadcast(mul(dy, y!.size / x!.size), x!.shape)]),
  broadcast: rule(({ inputs: [x] }, dy) => [unbroadcast(dy, x!.shape)]),
  reshape: rule(({ inputs: [x] }, dy) => [reshape(dy, x!.shape)]),
  transpose: rule(({ attributes: { perm } }, dy) => [
    transpose(
      dy,
      perm.map((_, axis) => perm.indexOf(axis)),
    ),
  ]),
  slice: rule(({ attributes: { starts, steps }, inputs: [x] }, dy) => {
    const reached = starts.map((start, axis) => start + (dy.shape[axis]! - 1) * steps[axis]! + 1);
    const after = reached.map((end, axis) => x!.shape[axis]! - end);
    return [padZero(dy, starts, after, steps)];
  }),
  padZero: rule(({ attributes: { before, steps }, inputs: [x] }, dy) => {
    const ends = before.map((start, axis) => start + (x!.shape[axis]! - 1) * steps[axis]! + 1);
    return [slice(dy, before, ends, steps)];
  }),
  reflectPad: rule(({ attributes }, dy) => [reflectPadAdjoint(dy, attributes)]),
  reflectPadAdjoint: rule(({ attributes }, dy) => [reflectPad(dy, attributes)]),
  concat: rule(({ attributes: { axis }, inputs }, dy) => {
    let start = 0;
    return inputs.map((x) => {
      const end = start + x.shape[axis]!;
      const part = sliceAxis(dy, axis, start, end);
      start = end;
      return part;
    });
  }),
  upsampleNearest: rule(({ attributes: { scale }, inputs: [x] }, dy) => {
    const [height, width] = x!.shape.slice(-2) as [number, number];
    const leading = x!.shape.slice(0, -2);
    const cells = reshape(dy, [...leading, height, scale, width, scale]);
    return [reshape(reduceSum(cells, [leading.length + 1, leading.length + 3]), x!.shape)];
  }),

  matmul: rule(({ attributes: { transposeA, transposeB }, inputs: [a, b] }, dy) => [
    transposeA
      ? matmul(b!, dy, { transposeA: transposeB, transposeB: true })
      : matmul(dy, b!, { transposeB: !transposeB }),
    transposeB
      ? matmul(dy, a!, { transposeA: true, transposeB: transposeA })
      : matmul(a!, dy, { transposeA: !transposeA }),
  ]),
  conv2d: rule(({ attributes, inputs: [x, w, bias] }, dy) => [
    convTranspose2d(dy, w!, { ...attributes, outputSize: imageSize(x!) }),
    convWeightGradient(x!, dy, { ...attributes, kernel: imageSize(w!) }),
    bias && biasGradient(dy),
  ]),
  convTranspose2d: rule(({ attributes: { stride, padding }, inputs: [x, w, bias] }, dy) => [
    conv2d(dy, w!, { stride, padding }),
    convWeightGradient(dy, x!, { stride, padding, kernel: imageSize(w!) }),
    bias && biasGradient(dy),
  ]),
  // Linear in both inputs; dw plays the part of a weight.
  convWeightGradient: rule(({ attributes: { stride, padding }, inputs: [x, dy] }, dw) => [
    convTranspose2d(dy!, dw, { stride, padding, outputSize: imageSize(x!) }),
    conv2d(x!, dw, { stride, padding }),
  ]),
  depthwiseConv2d: rule(({ attributes, inputs: [x, w, bias] }, dy) => [
    depthwiseConvTranspose2d(dy, w!, { ...attributes, outputSize: imageSize(x!) }),
    depthwiseConvWeightGradient(x!, dy, { ...attributes, kernel: imageSize(w!) }),
    bias && biasGradient(dy),
  ]),
  depthwiseConvTranspose2d: rule(({ attributes: { stride, padding }, inputs: [x, w, bias] }, dy) => [
    depthwiseConv2d(dy, w!, { stride, padding }),
    depthwiseConvWeightGradient(dy, x!, { stride, padding, kernel: imageSize(w!) }),
    bias && biasGradient(dy),
  ]),
  depthwiseConvWeightGradient: rule(({ attributes: { stride, padding }, inputs: [x, dy] }, dw) => [
    depthwiseConvTranspose2d(dy!, dw, { stride, padding, outputSize: imageSize(x!) }),
    depthwiseConv2d(x!, dw, { stride, padding }),
  ]),
  /**
   * With n elements per mean: dx = rstd · (gy − mean(gy) − y · mean(gy · y)) + g_mean / n − g_rstd · rstd² · y / n,
   * from d mean/dx = 1/n, d rstd/dx = −rstd² · y / n.
   */
  normalize: ({ attributes: { axes }, outputs }, [gy, gMean, gRstd]) => {
    const [y, mean, rstd] = outputs as [Tensor, Tensor, Tensor];
    const n = y.size / mean.size;
    const parts: Tensor[] = [];
    if (gy) {
      const centred = sub(sub(gy, reduceMean(gy, axes)), mul(y, reduceMean(mul(gy, y), axes)));
      parts.push(mul(centred, rstd));
    }
    if (gMean) parts.push(broadcast(mul(gMean, 1 / n), y.shape));
    if (gRstd) parts.push(mul(mul(mul(gRstd, mul(rstd, rstd)), -1 / n), y));
    return [parts.reduce(add)];
  },
};
