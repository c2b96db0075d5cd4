import type { ConvAttributes, Padding2d } from "../graph/ops.js";
import { elements, type Shape } from "../graph/shape.js";
import type { OnnxEmitter } from "./emitter.js";

/** Lowerings of the three convolutions. Which ONNX operators compute them fastest was measured on ONNX Runtime's CPU provider. */

export type Size = readonly [height: number, width: number];

const convAttributes = ({ stride, padding }: ConvAttributes, kernel: Size, groups: number) => ({
  kernel_shape: kernel,
  strides: [stride, stride],
  pads: [padding.top, padding.left, padding.bottom, padding.right],
  ...(groups > 1 && { group: groups }),
});

/** A convolution; with `groups`, each group of outputs sees a group of channels. */
export function lowerConv(
  e: OnnxEmitter,
  inputs: readonly string[],
  attributes: ConvAttributes,
  weight: Shape,
  groups = 1,
): string {
  return e.one("Conv", inputs, convAttributes(attributes, weight.slice(2) as [number, number], groups));
}

/**
 * Stride 1: a Conv with the kernel turned by 180° and its channels swapped, which ONNX Runtime computes faster than
 * ConvTranspose. Other strides: ConvTranspose.
 */
export function lowerConvTranspose(
  e: OnnxEmitter,
  [x, w, bias]: readonly string[],
  attributes: ConvAttributes & { readonly outputSize: Size },
  input: Shape,
  weight: Shape,
  groups = 1,
): string {
  const { stride, padding, outputSize } = attributes;
  const [kh, kw] = weight.slice(2) as [number, number];
  const rest = bias === undefined ? [] : [bias];
  const top = kh - 1 - padding.top;
  const left = kw - 1 - padding.left;
  const bottom = outputSize[0] + kh - 1 - input[2]! - top;
  const right = outputSize[1] + kw - 1 - input[3]! - left;
  if (stride === 1 && Math.min(top, left, bottom, right) >= 0) {
    // A depthwise kernel is one from a channel to all.
    const turned = turnKernel(e, w!, groups === 1 ? weight : [1, groups, kh, kw]);
    return e.one(
      "Conv",
      [x!, turned, ...rest],
      convAttributes({ stride: 1, padding: { top, left, bottom, right } }, [kh, kw], groups),
    );
  }
  const extra = (axis: 0 | 1, kernel: number, pads: number): number =>
    outputSize[axis] - ((input[axis + 2]! - 1) * stride + kernel - pads);
  return e.one("ConvTranspose", [x!, w!, ...rest], {
    ...convAttributes(attributes, [kh, kw], groups),
    output_padding: [extra(0, kh, padding.top + padding.bottom), extra(1, kw, padding.left + padding.right)],
  });
}

/**
 * A kernel turned by 180°, its channels swapped. The turn is a product with a permutation matrix, which is exact and many
 * times faster than slices with negative steps.
 */
export function turnKernel(e: OnnxEmitter, w: string, [inputs, outputs, kh, kw]: Shape): string {
  const taps = kh! * kw!;
  const rows = e.reshape(w, [inputs! * outputs!, taps]);
  const reversal = Float32Array.from({ length: taps * taps }, (_, i) =>
    Math.floor(i / taps) + (i % taps) === taps - 1 ? 1 : 0,
  );
  const turned = taps === 1 ? rows : e.one("Gemm", [rows, e.floats(reversal, [taps, taps])]);
  const swapped = e.transpose(e.reshape(turned, [inputs!, outputs!, taps]), [1, 0, 2]);
  return e.reshape(swapped, [outputs!, inputs!, kh!, kw!]);
}

/** The im2col form is taken where its matrix has at most this many rows … */
const FEW_COLUMNS = 256;

/**
 * Gradient of a convolution's weight as matrix products over whole images:
 * dw[o, c, i, j] = Σ dy[o, y, x] · xp[c, s·y + i, s·x + j], xp being the padded image.
 *
 * A stride s is first split into s × s phases of stride 1. Then the rows of dy are padded to the row pitch of xp and
 * both are flattened, so that each tap (i, j) is one contiguous run of xp, at offset i · pitch + j.
 */
export function lowerConvWeightGradient(
  e: OnnxEmitter,
  x: string,
  dy: string,
  attributes: ConvAttributes & { readonly kernel: Size },
  xShape: Shape,
  dyShape: Shape,
): string {
  const g = geometry(attributes, xShape, dyShape);
  const images = flatImages(e, x, attributes.padding, g);
  const gradient = flatGradient(e, dy, g);
  if (g.stride === 1 && g.outputs < g.channels && g.outputs * g.taps.length <= FEW_COLUMNS) {
    return shiftedGradient(e, images[0]!, gradient, g);
  }
  return g.channels * g.taps.length <= FEW_COLUMNS || g.length <= g.outputs
    ? imageColumns(e, images, gradient, g)
    : productPerTap(e, images, gradient, g);
}

interface Tap {
  readonly phase: number;
  readonly offset: number;
}

interface Geometry {
  readonly stride: number;
  readonly batch: number;
  readonly channels: number;
  readonly outputs: number;
  readonly kernel: Size;
  readonly inputSize: Size;
  readonly gradientSize: Size;
  /** Size of one phase image: rows and row pitch. */
  readonly rows: number;
  readonly pitch: number;
  /** Elements that every tap covers. */
  readonly length: number;
  readonly taps: readonly Tap[];
}

function geometry(
  { stride, kernel }: ConvAttributes & { readonly kernel: Size },
  x: Shape,
  dy: Shape,
): Geometry {
  const [batch, outputs, height, width] = dy as [number, number, number, number];
  const rows = height + Math.ceil(kernel[0] / stride) - 1;
  const pitch = width + Math.ceil(kernel[1] / stride) - 1;
  const taps: Tap[] = [];
  for (let i = 0; i < kernel[0]; i++) {
    for (let j = 0; j < kernel[1]; j++) {
      const phase = (i % stride) * stride + (j % stride);
      taps.push({ phase, offset: Math.floor(i / stride) * pitch + Math.floor(j / stride) });
    }
  }
  const length = batch * rows * pitch - Math.max(...taps.map((tap) => tap.offset));
  const inputSize: Size = [x[2]!, x[3]!];
  return {
    stride,
    batch,
    channels: x[1]!,
    outputs,
    kernel,
    inputSize,
    gradientSize: [height, width],
    rows,
    pitch,
    length,
    taps,
  };
}

/** The padded image split into phases, each flattened to [C, N · rows · pitch]. */
function flatImages(e: OnnxEmitter, x: string, { top, left }: Padding2d, g: Geometry): string[] {
  // Rows and columns that no tap reaches are cut off (negative padding).
  const bottom = g.rows * g.stride - top - g.inputSize[0];
  const right = g.pitch * g.stride - left - g.inputSize[1];
  const padded = e.pad(x, [0, 0, top, left], [0, 0, bottom, right]);
  const flat = [g.channels, g.batch * g.rows * g.pitch];
  if (g.stride === 1) {
    return [e.reshape(g.batch === 1 ? padded : e.transpose(padded, [1, 0, 2, 3]), flat)];
  }
  // Columns first, then whole rows: one transpose of all axes at once takes several times as long (measured).
  const columns = e.transpose(e.reshape(padded, [elements(flat) * g.stride, g.stride]), [1, 0]);
  const rows = e.reshape(columns, [g.stride, g.batch, g.channels, g.rows, g.stride, g.pitch]);
  const stacked = e.reshape(
    g.batch === 1
      ? e.transpose(e.reshape(rows, [g.stride * g.channels * g.rows, g.stride, g.pitch]), [1, 0, 2])
      : e.transpose(rows, [4, 0, 2, 1, 3, 5]),
    [g.stride * g.stride, ...flat],
  );
  return Array.from({ length: g.stride * g.stride }, (_, i) =>
    e.reshape(e.slice(stacked, 0, i, i + 1), flat),
  );
}

/** dy with its rows padded to the pitch, flattened to [O, N · rows · pitch]; the zeros keep images of a batch apart. */
function flatGradient(e: OnnxEmitter, dy: string, g: Geometry): string {
  const padded = e.pad(dy, [0, 0, 0, 0], [0, 0, g.rows - g.gradientSize[0], g.pitch - g.gradientSize[1]]);
  const byChannel = g.batch === 1 ? padded : e.transpose(padded, [1, 0, 2, 3]);
  return e.reshape(byChannel, [g.outputs, g.batch * g.rows * g.pitch]);
}

const runs = (e: OnnxEmitter, images: readonly string[], g: Geometry): string[] =>
  g.taps.map(({ phase, offset }) => e.slice(images[phase]!, 1, offset, offset + g.length));

const firstRun = (e: OnnxEmitter, gradient: string, g: Geometry): string => e.slice(gradient, 1, 0, g.length);

/** One product per tap; for large images, whose columns would not fit the caches. */
function productPerTap(e: OnnxEmitter, images: readonly string[], gradient: string, g: Geometry): string {
  const dy = firstRun(e, gradient, g);
  const products = runs(e, images, g).map((run) =>
    e.reshape(e.one("Gemm", [dy, run], { transB: 1 }), [1, g.outputs, g.channels]),
  );
  return tapsLast(e, e.concat(products, 0), g);
}

/** One product with the columns of the image; its result is in the weight's layout already. */
function imageColumns(e: OnnxEmitter, images: readonly string[], gradient: string, g: Geometry): string {
  const columns = e.repeated(() => {
    const parts = runs(e, images, g).map((run) => e.reshape(run, [g.channels, 1, g.length]));
    return e.reshape(e.concat(parts, 1), [g.channels * g.taps.length, g.length]);
  });
  const product = e.one("Gemm", [firstRun(e, gradient, g), columns], { transB: 1 });
  return e.view(product, [g.outputs, g.channels * g.taps.length], [g.outputs, g.channels, ...g.kernel]);
}

/** Shifts dy instead of the image, where it has fewer channels. */
function shiftedGradient(e: OnnxEmitter, image: string, gradient: string, g: Geometry): string {
  const length = g.batch * g.rows * g.pitch;
  const reach = length - g.length;
  const delayed = e.pad(gradient, [0, reach], [0, 0]);
  const shifts = g.taps.map(({ offset }) => e.slice(delayed, 1, reach - offset, reach - offset + length));
  return tapsLast(e, e.one("Gemm", [e.concat(shifts, 0), image], { transB: 1 }), g);
}

/** [taps, O, C] to [O, C, kh, kw]. */
function tapsLast(e: OnnxEmitter, products: string, g: Geometry): string {
  const stacked = e.reshape(products, [g.taps.length, g.outputs, g.channels]);
  const last = [g.outputs, g.channels, g.taps.length];
  return e.view(e.transpose(stacked, [1, 2, 0]), last, [g.outputs, g.channels, ...g.kernel]);
}

/**
 * The same of a depthwise convolution: per tap the product of dy with a run of its channel, summed. A product of matrices
 * would be of one row each, and takes up to four times as long; so does a convolution with dy as kernels (measured).
 */
export function lowerDepthwiseWeightGradient(
  e: OnnxEmitter,
  x: string,
  dy: string,
  attributes: ConvAttributes & { readonly kernel: Size },
  xShape: Shape,
  dyShape: Shape,
): string {
  const g = geometry(attributes, xShape, dyShape);
  const gradient = firstRun(e, flatGradient(e, dy, g), g);
  const sums = runs(e, flatImages(e, x, attributes.padding, g), g).map((run) =>
    e.one("ReduceSum", [e.one("Mul", [run, gradient]), e.ints([1])], { keepdims: 1 }),
  );
  return e.reshape(e.concat(sums, 1), [g.channels, 1, ...g.kernel]);
}
