import type { ConvAttributes, Padding2d } from "../graph/ops.js";
import type { Shape } from "../graph/shape.js";
import type { OnnxEmitter } from "./emitter.js";
import { type Size, turnKernel } from "./lower-conv.js";

/**
 * Convolutions to a few channels on ONNX Runtime's CPU provider, which computes them several times as slowly as others: all taps in
 * one product, then Col2Im, which adds up its rows, each shifted to its place.
 */

const FEW_OUTPUTS = 4;
/** Of the image: with fewer, the sum is most of the work (measured). */
const MANY_CHANNELS = 16;

/** Whether this form is the faster one (measured). */
const suits = (outputs: number, channels: number, kernel: Size): boolean =>
  outputs <= FEW_OUTPUTS && channels >= MANY_CHANNELS && kernel[0] * kernel[1] > 1;

/** conv2d(x, w, bias) of x [N, C, H, W] and w [O, C, kh, kw]; undefined where it is left to others. */
export function convToFew(
  e: OnnxEmitter,
  [x, w, bias]: readonly string[],
  { stride, padding }: ConvAttributes,
  [image, weight, output]: readonly [Shape, Shape, Shape],
): string | undefined {
  const [outputs, channels, kh, kw] = weight as [number, number, number, number];
  if (stride !== 1 || !suits(outputs, channels, [kh, kw])) return undefined;
  const cut = {
    ...{ top: kh - 1 - padding.top, left: kw - 1 - padding.left },
    ...{ bottom: kh - 1 - padding.bottom, right: kw - 1 - padding.right },
  };
  if (Math.min(...Object.values(cut)) < 0) return undefined;
  // A correlation is the convolution with the turned kernel.
  const products = productOfTaps(e, x!, turnKernel(e, w!, weight), image, [channels, outputs, kh, kw]);
  const outputSize: Size = [output[2]!, output[3]!];
  return shiftedSum(e, products, bias, { stride, padding: cut, outputSize, kernel: [kh, kw], outputs });
}

/** convTranspose2d(x, w, bias) of x [N, C, H, W] and w [C, O, kh, kw]; undefined where it is left to others. */
export function convTransposeToFew(
  e: OnnxEmitter,
  [x, w, bias]: readonly string[],
  { stride, padding, outputSize }: ConvAttributes & { readonly outputSize: Size },
  [image, weight]: readonly [Shape, Shape],
): string | undefined {
  const [channels, outputs, kh, kw] = weight as [number, number, number, number];
  if (!suits(outputs, channels, [kh, kw])) return undefined;
  const products = productOfTaps(e, x!, w!, image, weight);
  return shiftedSum(e, products, bias, { stride, padding, outputSize, kernel: [kh, kw], outputs });
}

/** [N, O · kh · kw, H · W] */
function productOfTaps(
  e: OnnxEmitter,
  x: string,
  w: string,
  [batch, channels, height, width]: Shape,
  [, outputs, kh, kw]: Shape,
): string {
  const taps = e.transpose(e.reshape(w, [channels!, outputs! * kh! * kw!]), [1, 0]);
  return e.one("MatMul", [taps, e.reshape(x, [batch!, channels!, height! * width!])]);
}

interface Places {
  readonly stride: number;
  /** What is cut off. */
  readonly padding: Padding2d;
  readonly outputSize: Size;
  readonly kernel: Size;
  readonly outputs: number;
}

function shiftedSum(
  e: OnnxEmitter,
  products: string,
  bias: string | undefined,
  { stride, padding: { top, left, bottom, right }, outputSize, kernel, outputs }: Places,
): string {
  const sums = e.one("Col2Im", [products, e.ints(outputSize), e.ints(kernel)], {
    strides: [stride, stride],
    pads: [top, left, bottom, right],
  });
  return bias === undefined ? sums : e.one("Add", [sums, e.reshape(bias, [1, outputs, 1, 1])]);
}
