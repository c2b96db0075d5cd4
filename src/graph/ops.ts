import { PixcycleError } from "../errors.js";
import { broadcastShapes, elements, type Shape, sameShape, showShape } from "./shape.js";

/**
 * Images are NCHW, convolution weights [out, in, kh, kw], transposed-convolution weights [in, out, kh, kw]. Depthwise
 * convolutions keep channels apart: weights [C, 1, kh, kw].
 */

/** Zero padding or cropping of the two image axes. */
export interface Padding2d {
  readonly top: number;
  readonly left: number;
  readonly bottom: number;
  readonly right: number;
}

export interface ConvAttributes {
  readonly stride: number;
  readonly padding: Padding2d;
}

type None = Readonly<Record<never, never>>;

/** Every operation of the tensor language with its attributes. */
export interface OpAttributes {
  /** A value given from outside: a batch, a parameter, a moment, a rate. */
  input: { readonly name: string; readonly shape: Shape };
  constant: { readonly shape: Shape; readonly data: Float32Array };

  neg: None;
  exp: None;
  log: None;
  sqrt: None;
  reciprocal: None;
  abs: None;
  /** −1, 0 or 1. */
  sign: None;
  tanh: None;
  sigmoid: None;
  /** log(1 + exp(x)), without overflow. */
  softplus: None;
  relu: None;
  leakyRelu: { readonly slope: number };
  /** The identity, through which no gradient flows. */
  stopGradient: None;
  /** The identity; what is computed from it is not shared with what is computed from its input, but computed again. */
  barrier: None;

  add: None;
  sub: None;
  mul: None;
  div: None;
  /** Elementwise a > b, as a condition for `select`. */
  greater: None;
  /** Elementwise condition ? a : b. */
  select: None;

  /** Sums over axes, which stay with extent 1. */
  reduceSum: { readonly axes: readonly number[] };
  reduceMean: { readonly axes: readonly number[] };
  broadcast: { readonly shape: Shape };
  reshape: { readonly shape: Shape };
  transpose: { readonly perm: readonly number[] };
  /** Per axis: from `starts` up to `ends` (exclusive) in `steps` ≥ 1. */
  slice: {
    readonly starts: readonly number[];
    readonly ends: readonly number[];
    readonly steps: readonly number[];
  };
  /** Zeros before, after and, with steps > 1, between the elements: the adjoint of `slice`. */
  padZero: {
    readonly before: readonly number[];
    readonly after: readonly number[];
    readonly steps: readonly number[];
  };
  /** Mirrors the last two axes around their border pixels. */
  reflectPad: Padding2d;
  /** Adjoint of `reflectPad`: adds the mirrored borders back and crops. */
  reflectPadAdjoint: Padding2d;
  concat: { readonly axis: number };
  /** Repeats every pixel `scale` times on both image axes. */
  upsampleNearest: { readonly scale: number };

  /** Matrix product of the last two axes, the leading axes equal; each side may be transposed. */
  matmul: { readonly transposeA: boolean; readonly transposeB: boolean };
  /** Inputs: x [N, C, H, W], w [O, C, kh, kw], optional bias [O]. */
  conv2d: ConvAttributes;
  /** Inputs: x [N, C, H, W], w [C, O, kh, kw], optional bias [O]; the adjoint of conv2d in x. */
  convTranspose2d: ConvAttributes & { readonly outputSize: readonly [height: number, width: number] };
  /** Inputs: x [N, C, H, W], dy [N, O, H′, W′]; the adjoint of conv2d in w, [O, C, kh, kw]. */
  convWeightGradient: ConvAttributes & { readonly kernel: readonly [height: number, width: number] };
  /** Every channel by a kernel of its own. Inputs: x [N, C, H, W], w [C, 1, kh, kw], optional bias [C]. */
  depthwiseConv2d: ConvAttributes;
  /** Inputs as depthwiseConv2d's; the adjoint of it in x. */
  depthwiseConvTranspose2d: OpAttributes["convTranspose2d"];
  /** Inputs: x [N, C, H, W], dy [N, C, H′, W′]; the adjoint of depthwiseConv2d in w, [C, 1, kh, kw]. */
  depthwiseConvWeightGradient: OpAttributes["convWeightGradient"];
  /**
   * Standardises over axes: y = (x − mean) · rstd with rstd = 1/√(var + eps) and the biased variance.
   * Outputs: y, mean, rstd; the last two keep the axes with extent 1.
   */
  normalize: { readonly axes: readonly number[]; readonly eps: number };
}

export type OpName = keyof OpAttributes;
export type DType = "float32" | "bool";

type ShapeRule<K extends OpName> = (attributes: OpAttributes[K], inputs: readonly Shape[]) => Shape[];

interface OpDefinition<K extends OpName> {
  /** Fewest and most inputs; the second is Infinity for concat. */
  readonly arity: readonly [number, number];
  readonly dtype?: DType;
  /** The shapes of the outputs; throws `E_SHAPE` where the inputs do not fit. */
  readonly shapes: ShapeRule<K>;
}

const fail = (op: string, expected: string, shapes: readonly Shape[]): never => {
  throw new PixcycleError("E_SHAPE", `${op} expects ${expected}, got ${shapes.map(showShape).join(", ")}.`);
};

type UnaryName =
  | "neg"
  | "exp"
  | "log"
  | "sqrt"
  | "reciprocal"
  | "abs"
  | "sign"
  | "tanh"
  | "sigmoid"
  | "softplus"
  | "relu"
  | "leakyRelu"
  | "stopGradient"
  | "barrier";
type BinaryName = "add" | "sub" | "mul" | "div";

const elementwise = { arity: [1, 1] as const, shapes: (_: unknown, [x]: readonly Shape[]) => [x!] };
const broadcasting = {
  arity: [2, 2] as const,
  shapes: (_: unknown, inputs: readonly Shape[]) => [broadcastShapes(...inputs)],
};
const reduction = {
  arity: [1, 1] as const,
  shapes: ({ axes }: { readonly axes: readonly number[] }, [x]: readonly Shape[]) => [keepAxes(x!, axes)],
};

function keepAxes(shape: Shape, axes: readonly number[]): Shape {
  if (axes.some((axis) => axis < 0 || axis >= shape.length))
    fail("a reduction", `axes inside the rank, not ${axes}`, [shape]);
  return shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
}

/** Output extent of a convolution along one axis. */
export const convExtent = (input: number, kernel: number, stride: number, padding: number): number =>
  Math.floor((input + padding - kernel) / stride) + 1;

function padded(shape: Shape, p: Padding2d, sign: 1 | -1): number[] {
  const [height, width] = shape.slice(-2) as [number, number];
  return [...shape.slice(0, -2), height + sign * (p.top + p.bottom), width + sign * (p.left + p.right)];
}

/** An image can be mirrored around its border as far as it reaches. */
function checkReflection(op: string, p: Padding2d, image: Shape, input: Shape): void {
  const [height, width] = image.slice(-2) as [number, number];
  if (Math.max(p.top, p.bottom) >= height || Math.max(p.left, p.right) >= width)
    fail(op, "an image larger than the padding", [input]);
}

function convShapes(a: ConvAttributes, inputs: readonly Shape[]): Shape[] {
  const [x, w, bias] = inputs;
  if (x?.length !== 4 || w?.length !== 4 || x[1] !== w[1] || (bias && !sameShape(bias, [w[0]!]))) {
    fail("conv2d", "x [N, C, H, W], w [O, C, kh, kw] and bias [O]", inputs);
  }
  const { top, bottom, left, right } = a.padding;
  const out = [
    convExtent(x![2]!, w![2]!, a.stride, top + bottom),
    convExtent(x![3]!, w![3]!, a.stride, left + right),
  ];
  if (out.some((extent) => extent < 1)) fail("conv2d", "an image of at least the kernel's size", inputs);
  return [[x![0]!, w![0]!, ...out]];
}

function convTransposeShapes(a: OpAttributes["convTranspose2d"], inputs: readonly Shape[]): Shape[] {
  const [x, w, bias] = inputs;
  if (x?.length !== 4 || w?.length !== 4 || x[1] !== w[0] || (bias && !sameShape(bias, [w[1]!]))) {
    fail("convTranspose2d", "x [N, C, H, W], w [C, O, kh, kw] and bias [O]", inputs);
  }
  const { top, bottom, left, right } = a.padding;
  const back = [
    convExtent(a.outputSize[0], w![2]!, a.stride, top + bottom),
    convExtent(a.outputSize[1], w![3]!, a.stride, left + right),
  ];
  if (back[0] !== x![2] || back[1] !== x![3])
    fail("convTranspose2d", `an output size other than ${a.outputSize}`, inputs);
  return [[x![0]!, w![1]!, ...a.outputSize]];
}

/** Shapes as convolutions see them that look at one channel: x with one, and kernels whose other axis is the channels. */
function depthwise(inputs: readonly Shape[], kernel: (w: Shape) => Shape): Shape[] {
  const [x, w, ...bias] = inputs;
  if (x?.length !== 4 || w?.length !== 4 || w[1] !== 1 || x[1] !== w[0])
    fail("a depthwise convolution", "x [N, C, H, W], w [C, 1, kh, kw] and bias [C]", inputs);
  return [x!.with(1, 1), kernel(w!), ...bias];
}

const unary: { [K in UnaryName]: OpDefinition<K> } = {
  neg: elementwise,
  exp: elementwise,
  log: elementwise,
  sqrt: elementwise,
  reciprocal: elementwise,
  abs: elementwise,
  sign: elementwise,
  tanh: elementwise,
  sigmoid: elementwise,
  softplus: elementwise,
  relu: elementwise,
  leakyRelu: elementwise,
  stopGradient: elementwise,
  barrier: elementwise,
};
const binary: { [K in BinaryName]: OpDefinition<K> } = {
  add: broadcasting,
  sub: broadcasting,
  mul: broadcasting,
  div: broadcasting,
};

/** Arity, result type and shape rule of every operation. */
export const OPS: { readonly [K in OpName]: OpDefinition<K> } = {
  ...unary,
  ...binary,
  input: { arity: [0, 0], shapes: ({ shape }) => [shape] },
  constant: {
    arity: [0, 0],
    shapes: ({ shape, data }) =>
      data.length === elements(shape) ? [shape] : fail("constant", `${data.length} elements`, [shape]),
  },
  greater: { ...broadcasting, dtype: "bool" },
  select: { arity: [3, 3], shapes: (_, inputs) => [broadcastShapes(...inputs)] },
  reduceSum: reduction,
  reduceMean: reduction,
  broadcast: {
    arity: [1, 1],
    shapes: ({ shape }, [x]) =>
      sameShape(broadcastShapes(x!, shape), shape) ? [shape] : fail("broadcast", showShape(shape), [x!]),
  },
  reshape: {
    arity: [1, 1],
    shapes: ({ shape }, [x]) =>
      elements(shape) === elements(x!)
        ? [shape]
        : fail(`reshape to ${showShape(shape)}`, "as many elements", [x!]),
  },
  transpose: {
    arity: [1, 1],
    shapes: ({ perm }, [x]) => {
      const sorted = [...perm].sort((a, b) => a - b);
      if (sorted.length !== x!.length || sorted.some((axis, i) => axis !== i))
        fail("transpose", `rank ${perm.length}`, [x!]);
      return [perm.map((axis) => x![axis]!)];
    },
  },
  slice: {
    arity: [1, 1],
    shapes: ({ starts, ends, steps }, [x]) => [
      x!.map((extent, axis) => {
        const [start, end, step] = [starts[axis]!, ends[axis]!, steps[axis]!];
        if (!(start >= 0 && start < end && end <= extent && step >= 1))
          fail("slice", `bounds inside, not ${starts}–${ends}`, [x!]);
        return Math.ceil((end - start) / step);
      }),
    ],
  },
  padZero: {
    arity: [1, 1],
    shapes: ({ before, after, steps }, [x]) => [
      x!.map((extent, axis) => {
        const [first, last, step] = [before[axis]!, after[axis]!, steps[axis]!];
        if (!(first >= 0 && last >= 0 && step >= 1))
          fail("padZero", `no negative padding, not ${before}–${after}`, [x!]);
        return first + (extent - 1) * step + 1 + last;
      }),
    ],
  },
  reflectPad: {
    arity: [1, 1],
    shapes: (p, [x]) => {
      checkReflection("reflectPad", p, x!, x!);
      return [padded(x!, p, 1)];
    },
  },
  reflectPadAdjoint: {
    arity: [1, 1],
    shapes: (p, [x]) => {
      const inner = padded(x!, p, -1);
      checkReflection("reflectPadAdjoint", p, inner, x!);
      return [inner];
    },
  },
  concat: {
    arity: [1, Number.POSITIVE_INFINITY],
    shapes: ({ axis }, inputs) => {
      const total = inputs.reduce((sum, shape) => sum + shape[axis]!, 0);
      const joined = inputs[0]!.map((extent, i) => (i === axis ? total : extent));
      const fits = inputs.every(
        (shape) => shape.length === joined.length && shape.every((e, i) => i === axis || e === joined[i]),
      );
      return fits ? [joined] : fail("concat", `equal shapes but for axis ${axis}`, inputs);
    },
  },
  upsampleNearest: {
    arity: [1, 1],
    shapes: ({ scale }, [x]) => [[...x!.slice(0, -2), x!.at(-2)! * scale, x!.at(-1)! * scale]],
  },
  matmul: {
    arity: [2, 2],
    shapes: ({ transposeA, transposeB }, inputs) => {
      const [a, b] = inputs as [Shape, Shape];
      const [m, k] = (transposeA ? [a.at(-1), a.at(-2)] : [a.at(-2), a.at(-1)]) as [number, number];
      const [k2, n] = (transposeB ? [b.at(-1), b.at(-2)] : [b.at(-2), b.at(-1)]) as [number, number];
      if (a.length < 2 || k !== k2 || !sameShape(a.slice(0, -2), b.slice(0, -2)))
        fail("matmul", "matching matrices", inputs);
      return [[...a.slice(0, -2), m, n]];
    },
  },
  conv2d: { arity: [2, 3], shapes: convShapes },
  convTranspose2d: { arity: [2, 3], shapes: convTransposeShapes },
  convWeightGradient: {
    arity: [2, 2],
    shapes: (a, inputs) => {
      const [x, dy] = inputs as [Shape, Shape];
      const weight: Shape = [dy[1]!, x[1]!, ...a.kernel];
      if (!sameShape(convShapes(a, [x, weight])[0]!, dy))
        fail("convWeightGradient", "dy as conv2d returns it", inputs);
      return [weight];
    },
  },
  depthwiseConv2d: {
    arity: [2, 3],
    shapes: (a, inputs) =>
      convShapes(
        a,
        depthwise(inputs, (w) => w),
      ),
  },
  depthwiseConvTranspose2d: {
    arity: [2, 3],
    shapes: (a, inputs) =>
      convTransposeShapes(
        a,
        depthwise(inputs, ([channels, , ...kernel]) => [1, channels!, ...kernel]),
      ),
  },
  depthwiseConvWeightGradient: {
    arity: [2, 2],
    shapes: (a, inputs) => {
      const [x, dy] = inputs as [Shape, Shape];
      const weight: Shape = [x[1]!, 1, ...a.kernel];
      if (
        !sameShape(
          convShapes(
            a,
            depthwise([x, weight], (w) => w),
          )[0]!,
          dy,
        )
      )
        fail("depthwiseConvWeightGradient", "dy as depthwiseConv2d returns it", inputs);
      return [weight];
    },
  },
  normalize: {
    arity: [1, 1],
    shapes: ({ axes }, [x]) => [x!, keepAxes(x!, axes), keepAxes(x!, axes)],
  },
};
