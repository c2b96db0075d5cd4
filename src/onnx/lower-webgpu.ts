import type { ConvAttributes, OpAttributes } from "../graph/ops.js";
import type { Shape } from "../graph/shape.js";
import type { OnnxEmitter } from "./emitter.js";
import { isOverRows, lowerNormalize, reducedAxes } from "./lower-spatial.js";

/**
 * Lowerings for ONNX Runtime's WebGPU provider: of operators that it lacks, which would run on the CPU, and of those
 * where the count of operators decides, since each is a dispatch.
 */

/** 1 where x > 0, less 1 where x < 0. */
export function lowerSignByComparison(e: OnnxEmitter, x: string): string {
  const [zero, one] = [scalar(e, 0), scalar(e, 1)];
  const indicator = (greater: string, less: string): string =>
    e.one("Where", [e.one("Greater", [greater, less]), one, zero]);
  return e.one("Sub", [indicator(x, zero), indicator(zero, x)]);
}

/** max(x, 0) + log(1 + exp(−|x|)). */
export function lowerSoftplusByLog(e: OnnxEmitter, x: string): string {
  const decay = e.one("Exp", [e.one("Neg", [e.one("Abs", [x])])]);
  return e.one("Add", [e.one("Relu", [x]), e.one("Log", [e.one("Add", [decay, scalar(e, 1)])])]);
}

/**
 * Gradient of a convolution's weight as one convolution: images and channels change places, and dy, spread by the
 * stride, is the kernel: dw[o, c, i, j] = Σ dy[n, o, y, x] · xp[n, c, s·y + i, s·x + j].
 */
export function lowerConvWeightGradientAsConv(
  e: OnnxEmitter,
  x: string,
  dy: string,
  attributes: WeightGradientAttributes,
  image: Shape,
  gradient: Shape,
): string {
  const [batch, channels] = image as [number, number];
  const [, outputs, ...spread] = gradient as [number, number, number, number];
  const { fitted, size, convolution } = spreadKernel(e, x, attributes, image, gradient);
  const swap = (tensor: string, shape: readonly number[]): string =>
    batch === 1 ? e.reshape(tensor, shape) : e.transpose(tensor, [1, 0, 2, 3]);
  const product = e.one(
    "Conv",
    [swap(fitted, [channels, batch, ...size]), swap(dy, [outputs, batch, ...spread])],
    convolution,
  );
  return e.transpose(product, [1, 0, 2, 3]);
}

/** The same of a depthwise convolution: every channel of every image is a group, and the images are summed. */
export function lowerDepthwiseWeightGradientAsConv(
  e: OnnxEmitter,
  x: string,
  dy: string,
  attributes: WeightGradientAttributes,
  image: Shape,
  gradient: Shape,
): string {
  const [batch, channels] = image as [number, number];
  const { fitted, size, convolution } = spreadKernel(e, x, attributes, image, gradient);
  const group = batch * channels;
  const product = e.one(
    "Conv",
    [e.reshape(fitted, [1, group, ...size]), e.reshape(dy, [group, 1, ...gradient.slice(2)])],
    { ...convolution, group },
  );
  const byImage = e.reshape(product, [batch, channels, 1, ...attributes.kernel]);
  return batch === 1
    ? e.reshape(product, [channels, 1, ...attributes.kernel])
    : e.one("ReduceSum", [byImage, e.ints([0])], { keepdims: 0 });
}

type WeightGradientAttributes = ConvAttributes & { readonly kernel: readonly [number, number] };

/** What it takes to use dy, spread by the stride, as a kernel: the image cut to what it reaches, and Conv's attributes. */
function spreadKernel(
  e: OnnxEmitter,
  x: string,
  { stride, padding, kernel }: WeightGradientAttributes,
  image: Shape,
  gradient: Shape,
) {
  const [height, width] = image.slice(2) as [number, number];
  const [rows, columns] = gradient.slice(2) as [number, number];
  // What no position of the kernel reaches is cut off: negative padding.
  const bottom = kernel[0] + stride * (rows - 1) - height - padding.top;
  const right = kernel[1] + stride * (columns - 1) - width - padding.left;
  const before = [0, 0, padding.top, padding.left];
  const after = [0, 0, bottom, right];
  const cuts = Math.min(...before, ...after) < 0;
  return {
    fitted: cuts ? e.pad(x, before, after) : x,
    size: cuts ? [height + padding.top + bottom, width + padding.left + right] : [height, width],
    convolution: {
      kernel_shape: [rows, columns],
      dilations: [stride, stride],
      pads: cuts ? [0, 0, 0, 0] : [padding.top, padding.left, bottom, right],
    },
  };
}

/**
 * y, mean and rstd of `normalize`, with the mean taken off first: the provider's LayerNormalization computes the variance
 * as E[x²] − E[x]², which is lost to rounding where the mean is large.
 */
export function lowerNormalizeCentred(
  e: OnnxEmitter,
  x: string,
  attributes: OpAttributes["normalize"],
  shape: Shape,
): string[] {
  if (!isOverRows(attributes, shape)) return lowerNormalize(e, x, attributes, shape);
  const mean = e.one("ReduceMean", [x, reducedAxes(e, attributes.axes, shape)], { keepdims: 1 });
  const ones = (count: number): string => e.floats(new Float32Array(count).fill(1), [count], "ones");
  const [y, , rstd] = lowerNormalize(e, e.one("Sub", [x, mean]), attributes, shape, ones);
  return [y!, mean, rstd!];
}

const scalar = (e: OnnxEmitter, value: number): string => e.floats(Float32Array.of(value), []);
