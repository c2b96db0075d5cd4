import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Graph, type Tensor } from "../../src/graph/graph.js";
import { interpret } from "../../src/graph/interpreter/interpret.js";
import {
  add,
  broadcast,
  conv2d,
  convTranspose2d,
  convWeightGradient,
  depthwiseConv2d,
  depthwiseConvTranspose2d,
  depthwiseConvWeightGradient,
  input,
  padZero,
  reduceSum,
  reflectPad,
  reflectPadAdjoint,
  reshape,
  slice,
  transpose,
  upsampleNearest,
} from "../../src/graph/language.js";
import { OPS, type OpName } from "../../src/graph/ops.js";
import type { Shape } from "../../src/graph/shape.js";
import { type OpCase, opCases, randomFeeds } from "./op-cases.js";

const CASES = opCases({ extent: 4, batch: 3, channels: 4, image: 9, kernel: 5 });

/** A linear function, and what is to be its adjoint. `given` is whatever else they depend on. */
interface Pair {
  readonly from: Shape;
  readonly to: Shape;
  readonly given?: Shape;
  readonly forward: (x: Tensor, given: Tensor) => Tensor;
  readonly adjoint: (y: Tensor, given: Tensor) => Tensor;
}

/** ⟨forward(x), y⟩ = ⟨x, adjoint(y)⟩ for random x and y. */
function expectAdjoint({ from, to, given = [], forward, adjoint }: Pair, seed: number): void {
  const graph = new Graph();
  const [x, y, other] = [input(graph, "x", from), input(graph, "y", to), input(graph, "given", given)];
  const feeds = randomFeeds([x, y, other], seed, "nonzero");
  const [image, back] = interpret([forward(x, other), adjoint(y, other)], feeds);
  const left = products(image!, feeds.get("y")!);
  const right = products(feeds.get("x")!, back!);
  const scale = left.reduce((total, value) => total + Math.abs(value), 1);
  expect(Math.abs(total(left) - total(right)) / scale).toBeLessThan(1e-13);
}

function products(a: Float64Array, b: Float64Array): Float64Array {
  expect(a).toHaveLength(b.length);
  return a.map((value, i) => value * b[i]!);
}

const total = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0);

/** Checks the pair that `pairOf` makes of random uses of an operation, given the shape of its result. */
function forAll<K extends OpName>(op: K, pairOf: (use: OpCase<K>, to: Shape) => Pair): void {
  const property = (use: OpCase<K>, seed: number): void => {
    expectAdjoint(pairOf(use, OPS[op].shapes(use.attributes, use.shapes)[0]!), seed);
  };
  fc.assert(fc.property(CASES[op] as fc.Arbitrary<OpCase<K>>, fc.nat(), property), { numRuns: 60 });
}

describe("adjoint", () => {
  it("of conv2d in the image is convTranspose2d", () => {
    forAll("conv2d", ({ attributes, shapes: [x, w] }, to) => ({
      from: x!,
      to,
      given: w!,
      forward: (image, weight) => conv2d(image, weight, attributes),
      adjoint: (y, weight) => convTranspose2d(y, weight, { ...attributes, outputSize: [x![2]!, x![3]!] }),
    }));
  });

  it("of conv2d in the weight is convWeightGradient", () => {
    forAll("conv2d", ({ attributes, shapes: [x, w] }, to) => ({
      from: w!,
      to,
      given: x!,
      forward: (weight, image) => conv2d(image, weight, attributes),
      adjoint: (y, image) => convWeightGradient(image, y, { ...attributes, kernel: [w![2]!, w![3]!] }),
    }));
  });

  it("of depthwiseConv2d in the image and in the weight are its two gradients", () => {
    forAll("depthwiseConv2d", ({ attributes, shapes: [x, w] }, to) => ({
      from: x!,
      to,
      given: w!,
      forward: (image, weight) => depthwiseConv2d(image, weight, attributes),
      adjoint: (y, weight) =>
        depthwiseConvTranspose2d(y, weight, { ...attributes, outputSize: [x![2]!, x![3]!] }),
    }));
    forAll("depthwiseConv2d", ({ attributes, shapes: [x, w] }, to) => ({
      from: w!,
      to,
      given: x!,
      forward: (weight, image) => depthwiseConv2d(image, weight, attributes),
      adjoint: (y, image) =>
        depthwiseConvWeightGradient(image, y, { ...attributes, kernel: [w![2]!, w![3]!] }),
    }));
  });

  it("of reflectPad is reflectPadAdjoint", () => {
    forAll("reflectPad", ({ attributes, shapes: [x] }, to) => ({
      from: x!,
      to,
      forward: (image) => reflectPad(image, attributes),
      adjoint: (y) => reflectPadAdjoint(y, attributes),
    }));
  });

  it("of padZero is slice", () => {
    forAll("padZero", ({ attributes: { before, after, steps }, shapes: [x] }, to) => ({
      from: x!,
      to,
      forward: (image) => padZero(image, before, after, steps),
      adjoint: (y) =>
        slice(
          y,
          before,
          after.map((n, axis) => to[axis]! - n),
          steps,
        ),
    }));
  });

  it("of transpose is the inverse permutation", () => {
    forAll("transpose", ({ attributes: { perm }, shapes: [x] }, to) => ({
      from: x!,
      to,
      forward: (image) => transpose(image, perm),
      adjoint: (y) =>
        transpose(
          y,
          perm.map((_, axis) => perm.indexOf(axis)),
        ),
    }));
  });

  it("of broadcast is reduceSum", () => {
    forAll("broadcast", ({ attributes: { shape }, shapes: [x] }, to) => {
      const extended = [...shape.slice(x!.length).map(() => 1), ...x!];
      const axes = shape.flatMap((extent, axis) => (extent === extended[axis] ? [] : [axis]));
      return {
        from: x!,
        to,
        forward: (image) => broadcast(image, shape),
        adjoint: (y) => reshape(reduceSum(y, axes), x!),
      };
    });
  });

  it("of upsampleNearest is the sum of the pixels of every cell", () => {
    forAll("upsampleNearest", ({ attributes: { scale }, shapes: [x] }, to) => {
      const offsets = Array.from({ length: scale * scale }, (_, i) => [Math.floor(i / scale), i % scale]);
      const leading = to.slice(2).map(() => 0);
      const steps = [...leading.map(() => 1), scale, scale];
      return {
        from: x!,
        to,
        forward: (image) => upsampleNearest(image, scale),
        adjoint: (y) =>
          offsets.map(([i, j]) => slice(y, [...leading, i!, j!], to, steps)).reduce((a, b) => add(a, b)),
      };
    });
  });
});
