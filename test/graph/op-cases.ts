import fc from "fast-check";
import { Graph, type Tensor } from "../../src/graph/graph.js";
import { greater, input } from "../../src/graph/language.js";
import {
  type ConvAttributes,
  convExtent,
  type OpAttributes,
  type OpName,
  type Padding2d,
} from "../../src/graph/ops.js";
import { elements, type Shape } from "../../src/graph/shape.js";
import { RandomStream } from "../../src/random/philox.js";

/** Random uses of every operation, for properties that all of them must have. */

/** One use: attributes and the shapes of the inputs. */
export interface OpCase<K extends OpName> {
  readonly attributes: OpAttributes[K];
  readonly shapes: readonly Shape[];
}

export interface Limits {
  /** Largest extent of an axis, for all but convolutions. */
  readonly extent: number;
  readonly batch: number;
  readonly channels: number;
  readonly image: number;
  readonly kernel: number;
}

type Cases<K extends OpName> = fc.Arbitrary<OpCase<K>>;

const upTo = (max: number, min = 1): fc.Arbitrary<number> => fc.integer({ min, max });

const shapeOf = (limits: Limits, minLength: number, maxLength = 4): fc.Arbitrary<number[]> =>
  fc.array(upTo(limits.extent), { minLength, maxLength });

/** One value per axis. */
const perAxis = <T>(shape: Shape, value: (extent: number) => fc.Arbitrary<T>): fc.Arbitrary<T[]> =>
  fc.tuple(...shape.map(value));

/** A shape that broadcasts to `shape`: leading axes left out, others set to 1. */
const broadcastingTo = (shape: Shape): fc.Arbitrary<number[]> =>
  fc
    .tuple(
      upTo(shape.length, 0),
      perAxis(shape, (extent) => fc.constantFrom(extent, extent, 1)),
    )
    .map(([left, extents]) => extents.slice(left));

const axesOf = (shape: Shape): fc.Arbitrary<number[]> =>
  fc.subarray(
    shape.map((_, axis) => axis),
    { minLength: 1 },
  );

const paddingOf = (max: (side: keyof Padding2d) => number): fc.Arbitrary<Padding2d> =>
  fc.record({
    top: upTo(max("top"), 0),
    left: upTo(max("left"), 0),
    bottom: upTo(max("bottom"), 0),
    right: upTo(max("right"), 0),
  });

interface Convolution extends ConvAttributes {
  readonly x: Shape;
  readonly w: Shape;
  readonly y: Shape;
  readonly bias: boolean;
}

function convolution(limits: Limits): fc.Arbitrary<Convolution> {
  const kernel = upTo(limits.kernel);
  return fc
    .record({
      batch: upTo(limits.batch),
      channels: upTo(limits.channels),
      outputs: upTo(limits.channels),
      kh: kernel,
      kw: kernel,
      stride: upTo(3),
      bias: fc.boolean(),
      padding: paddingOf(() => 3),
      height: upTo(limits.image),
      width: upTo(limits.image),
    })
    .map((c) => {
      const { top, bottom, left, right } = c.padding;
      const height = Math.max(c.height, c.kh - top - bottom);
      const width = Math.max(c.width, c.kw - left - right);
      const rows = convExtent(height, c.kh, c.stride, top + bottom);
      const columns = convExtent(width, c.kw, c.stride, left + right);
      return {
        stride: c.stride,
        padding: c.padding,
        bias: c.bias,
        x: [c.batch, c.channels, height, width],
        w: [c.outputs, c.channels, c.kh, c.kw],
        y: [c.batch, c.outputs, rows, columns],
      };
    });
}

const sizeOf = (image: Shape): [number, number] => [image[2]!, image[3]!];

/** Random uses of every operation; a new operation does not compile without one. */
export function opCases(limits: Limits): { readonly [K in OpName]: Cases<K> } {
  const anyShape = shapeOf(limits, 0);
  const unary = anyShape.map((shape) => ({ attributes: {}, shapes: [shape] }));
  const broadcasting = (count: number) =>
    anyShape
      .chain((shape) => fc.array(broadcastingTo(shape), { minLength: count, maxLength: count }))
      .map((shapes) => ({ attributes: {}, shapes }));
  const reduction = shapeOf(limits, 1).chain((shape) =>
    axesOf(shape).map((axes) => ({ attributes: { axes }, shapes: [shape] })),
  );
  const images = shapeOf(limits, 2);
  const reflection = images.chain((shape) => {
    const [height, width] = shape.slice(-2) as [number, number];
    const padding = paddingOf((side) => (side === "top" || side === "bottom" ? height : width) - 1);
    return padding.map((attributes) => ({ attributes, shapes: [shape] }));
  });
  const convolutions = convolution(limits);
  const depthwise = convolutions.map((c): Convolution => {
    const channels = c.x[1]!;
    return { ...c, w: [channels, 1, ...c.w.slice(2)], y: c.y.with(1, channels) };
  });
  const withBias = (shapes: Shape[], channels: number, { bias }: Convolution): Shape[] =>
    bias ? [...shapes, [channels]] : shapes;

  return {
    input: anyShape.map((shape) => ({ attributes: { name: "x", shape }, shapes: [] })),
    constant: anyShape.map((shape) => ({
      attributes: { shape, data: Float32Array.from({ length: elements(shape) }, (_, i) => i / 3 - 1) },
      shapes: [],
    })),

    neg: unary,
    exp: unary,
    log: unary,
    sqrt: unary,
    reciprocal: unary,
    abs: unary,
    sign: unary,
    tanh: unary,
    sigmoid: unary,
    softplus: unary,
    relu: unary,
    leakyRelu: fc.tuple(unary, fc.constantFrom(0.2, 0.01, 1.5)).map(([{ shapes }, slope]) => ({
      attributes: { slope },
      shapes,
    })),
    stopGradient: unary,
    barrier: unary,

    add: broadcasting(2),
    sub: broadcasting(2),
    mul: broadcasting(2),
    div: broadcasting(2),
    greater: broadcasting(2),
    select: broadcasting(3),

    reduceSum: reduction,
    reduceMean: reduction,
    normalize: fc.tuple(reduction, fc.constantFrom(0.01, 0.3)).map(([{ attributes, shapes }, eps]) => ({
      attributes: { ...attributes, eps },
      shapes,
    })),

    broadcast: anyShape.chain((shape) =>
      broadcastingTo(shape).map((from) => ({ attributes: { shape }, shapes: [from] })),
    ),
    reshape: anyShape.chain((from) =>
      fc
        .constantFrom([elements(from)], [1, ...from], [...from].reverse(), [elements(from), 1, 1])
        .map((shape) => ({ attributes: { shape }, shapes: [from] })),
    ),
    transpose: anyShape.chain((shape) => {
      const axes = shape.map((_, axis) => axis);
      const perms = fc.shuffledSubarray(axes, { minLength: axes.length });
      return perms.map((perm) => ({ attributes: { perm }, shapes: [shape] }));
    }),
    slice: anyShape.chain((shape) =>
      perAxis(shape, (extent) =>
        upTo(extent - 1, 0).chain((start) =>
          fc.record({ start: fc.constant(start), end: upTo(extent, start + 1), step: upTo(3) }),
        ),
      ).map((bounds) => ({
        attributes: {
          starts: bounds.map(({ start }) => start),
          ends: bounds.map(({ end }) => end),
          steps: bounds.map(({ step }) => step),
        },
        shapes: [shape],
      })),
    ),
    padZero: anyShape.chain((shape) =>
      fc.record({
        attributes: fc.record({
          before: perAxis(shape, () => upTo(2, 0)),
          after: perAxis(shape, () => upTo(2, 0)),
          steps: perAxis(shape, () => upTo(3)),
        }),
        shapes: fc.constant([shape]),
      }),
    ),
    reflectPad: reflection,
    reflectPadAdjoint: reflection.map(({ attributes: p, shapes: [shape] }) => {
      const [height, width] = shape!.slice(-2) as [number, number];
      const padded = [...shape!.slice(0, -2), height + p.top + p.bottom, width + p.left + p.right];
      return { attributes: p, shapes: [padded] };
    }),
    concat: shapeOf(limits, 1).chain((shape) =>
      fc
        .tuple(upTo(shape.length - 1, 0), fc.array(upTo(limits.extent), { minLength: 1, maxLength: 3 }))
        .map(([axis, extents]) => ({
          attributes: { axis },
          shapes: extents.map((extent) => shape.with(axis, extent)),
        })),
    ),
    upsampleNearest: fc.tuple(images, upTo(3)).map(([shape, scale]) => ({
      attributes: { scale },
      shapes: [shape],
    })),

    matmul: fc
      .record({
        leading: shapeOf(limits, 0, 2),
        rows: upTo(limits.extent),
        inner: upTo(limits.extent),
        columns: upTo(limits.extent),
        transposeA: fc.boolean(),
        transposeB: fc.boolean(),
      })
      .map(({ leading, rows, inner, columns, transposeA, transposeB }) => ({
        attributes: { transposeA, transposeB },
        shapes: [
          [...leading, ...(transposeA ? [inner, rows] : [rows, inner])],
          [...leading, ...(transposeB ? [columns, inner] : [inner, columns])],
        ],
      })),
    conv2d: convolutions.map((c) => ({
      attributes: { stride: c.stride, padding: c.padding },
      shapes: withBias([c.x, c.w], c.w[0]!, c),
    })),
    convTranspose2d: convolutions.map((c) => ({
      attributes: { stride: c.stride, padding: c.padding, outputSize: sizeOf(c.x) },
      shapes: withBias([c.y, c.w], c.w[1]!, c),
    })),
    convWeightGradient: convolutions.map((c) => ({
      attributes: { stride: c.stride, padding: c.padding, kernel: sizeOf(c.w) },
      shapes: [c.x, c.y],
    })),
    depthwiseConv2d: depthwise.map((c) => ({
      attributes: { stride: c.stride, padding: c.padding },
      shapes: withBias([c.x, c.w], c.w[0]!, c),
    })),
    depthwiseConvTranspose2d: depthwise.map((c) => ({
      attributes: { stride: c.stride, padding: c.padding, outputSize: sizeOf(c.x) },
      shapes: withBias([c.y, c.w], c.w[0]!, c),
    })),
    depthwiseConvWeightGradient: depthwise.map((c) => ({
      attributes: { stride: c.stride, padding: c.padding, kernel: sizeOf(c.w) },
      shapes: [c.x, c.y],
    })),
  };
}

/** A graph of one operation on inputs `x0`, `x1` … of the case's shapes. */
export function buildCase<K extends OpName>(
  op: K,
  { attributes, shapes }: OpCase<K>,
): { readonly inputs: readonly Tensor[]; readonly outputs: readonly Tensor[] } {
  const graph = new Graph();
  const inputs = shapes.map((shape, i) => input(graph, `x${i}`, shape));
  // The first input of select is a condition; greater makes one of numbers.
  const operands = op === "select" ? inputs.with(0, greater(inputs[0]!, 0)) : inputs;
  const outputs = graph.node(op, attributes, operands);
  return { inputs: op === "input" ? outputs : inputs, outputs };
}

/** Which numbers an operation is given: all, all but those near zero, or only those well above it. */
export type Domain = "any" | "nonzero" | "positive";

export const DOMAINS: { readonly [K in OpName]?: Domain } = {
  log: "positive",
  sqrt: "positive",
  reciprocal: "nonzero",
  div: "nonzero",
};

/** Random float32 numbers below 2; "nonzero" ones are above 0.3; some of "any" are exactly 0. */
export function randomValues(random: RandomStream, size: number, domain: Domain): Float64Array {
  return Float64Array.from({ length: size }, () => {
    const magnitude = Math.fround(0.3 + 1.7 * random.uniform());
    if (domain === "positive" || random.uniform() < 0.5) return magnitude;
    return domain === "any" && random.uniform() < 0.2 ? 0 : -magnitude;
  });
}

/** Random values for inputs, by name. */
export function randomFeeds(
  inputs: readonly Tensor[],
  seed: number,
  domain: Domain,
): Map<string, Float64Array> {
  const random = new RandomStream(seed, "feeds");
  return new Map(inputs.map((tensor) => [inputName(tensor), randomValues(random, tensor.size, domain)]));
}

export function inputName({ node }: Tensor): string {
  if (node.op !== "input") throw new TypeError(`${node.op} is not an input.`);
  return node.attributes.name;
}
