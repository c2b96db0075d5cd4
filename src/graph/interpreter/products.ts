import type { ConvAttributes } from "../ops.js";
import { elements, type Shape } from "../shape.js";
import { broadcastPositions, gather } from "./positions.js";
import type { Kernel, Value } from "./value.js";

/** Matrix products and convolutions: everything that is linear in each of two inputs. */

const matmul: Kernel<"matmul"> = ({ transposeA, transposeB }, inputs, [shape]) => {
  const [a, b] = inputs as [Value, Value];
  const [rows, columns] = shape!.slice(-2) as [number, number];
  const inner = a.shape.at(transposeA ? -2 : -1)!;
  const [aRow, aInner] = transposeA ? [1, rows] : [inner, 1];
  const [bInner, bColumn] = transposeB ? [1, inner] : [columns, 1];
  const product = new Float64Array(elements(shape!));
  for (let i = 0; i < product.length; i++) {
    const column = i % columns;
    const row = Math.floor(i / columns) % rows;
    const matrix = Math.floor(i / (columns * rows));
    const [aStart, bStart] = [matrix * rows * inner, matrix * inner * columns];
    for (let k = 0; k < inner; k++) {
      product[i]! +=
        a.data[aStart + row * aRow + k * aInner]! * b.data[bStart + k * bInner + column * bColumn]!;
    }
  }
  return [product];
};

/** A row of products: x[xAt + i · stride] · w[wAt] belongs to y[yAt + i], for i < count. */
type Visit = (xAt: number, wAt: number, yAt: number, count: number) => void;

/**
 * Visits every product x · w that a convolution of images x [N, C, H, W] with w [O, C / groups, kh, kw] sums into an
 * element of y [N, O, H′, W′], as rows of pixels. Each group of outputs sees the channels of its own group alone.
 */
function forEachRow(
  { stride, padding }: ConvAttributes,
  [xShape, wShape, yShape]: readonly [Shape, Shape, Shape],
  visit: Visit,
): void {
  const [channels, height, width] = xShape.slice(1) as [number, number, number];
  const [outputs, seen, kh, kw] = wShape as [number, number, number, number];
  const [batch, , rows, columns] = yShape as [number, number, number, number];
  const outputsOfGroup = (outputs * seen) / channels;
  for (let n = 0; n < batch; n++) {
    for (let o = 0; o < outputs; o++) {
      const start = Math.floor(o / outputsOfGroup) * seen;
      for (let c = start; c < start + seen; c++) {
        for (let i = 0; i < kh; i++) {
          for (let j = 0; j < kw; j++) {
            const wAt = ((o * seen + c - start) * kh + i) * kw + j;
            // The columns of y whose pixel of x, column · stride + shift, is inside the image.
            const shift = j - padding.left;
            const first = Math.max(0, Math.ceil(-shift / stride));
            const end = Math.min(columns, Math.ceil((width - shift) / stride));
            for (let row = 0; row < rows && first < end; row++) {
              const h = row * stride + i - padding.top;
              if (h < 0 || h >= height) continue;
              const xAt = ((n * channels + c) * height + h) * width + first * stride + shift;
              visit(xAt, wAt, ((n * outputs + o) * rows + row) * columns + first, end - first);
            }
          }
        }
      }
    }
  }
}

/** The bias of every channel on all its pixels, or zeros. */
function biasImages(shape: Shape, bias: Value | undefined): Float64Array {
  return bias
    ? gather(bias.data, broadcastPositions([shape[1]!, 1, 1], shape))
    : new Float64Array(elements(shape));
}

const conv2d: Kernel<"conv2d" | "depthwiseConv2d"> = (attributes, inputs, [shape]) => {
  const [x, w, bias] = inputs as [Value, Value, Value?];
  const result = biasImages(shape!, bias);
  const { stride } = attributes;
  forEachRow(attributes, [x.shape, w.shape, shape!], (xAt, wAt, yAt, count) => {
    for (let i = 0; i < count; i++) result[yAt + i]! += x.data[xAt + i * stride]! * w.data[wAt]!;
  });
  return [result];
};

const convTranspose2d: Kernel<"convTranspose2d" | "depthwiseConvTranspose2d"> = (
  attributes,
  inputs,
  [shape],
) => {
  const [y, w, bias] = inputs as [Value, Value, Value?];
  const result = biasImages(shape!, bias);
  const { stride } = attributes;
  forEachRow(attributes, [shape!, w.shape, y.shape], (xAt, wAt, yAt, count) => {
    for (let i = 0; i < count; i++) result[xAt + i * stride]! += y.data[yAt + i]! * w.data[wAt]!;
  });
  return [result];
};

const convWeightGradient: Kernel<"convWeightGradient" | "depthwiseConvWeightGradient"> = (
  attributes,
  inputs,
  [shape],
) => {
  const [x, dy] = inputs as [Value, Value];
  const result = new Float64Array(elements(shape!));
  const { stride } = attributes;
  forEachRow(attributes, [x.shape, shape!, dy.shape], (xAt, wAt, yAt, count) => {
    for (let i = 0; i < count; i++) result[wAt]! += x.data[xAt + i * stride]! * dy.data[yAt + i]!;
  });
  return [result];
};

export const productKernels = {
  matmul,
  conv2d,
  convTranspose2d,
  convWeightGradient,
  // Groups of one channel: the weights' shapes say so.
  depthwiseConv2d: conv2d,
  depthwiseConvTranspose2d: convTranspose2d,
  depthwiseConvWeightGradient: convWeightGradient,
};
