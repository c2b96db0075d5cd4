import { describe, expect, it } from "vitest";
import { interpret } from "../../src/graph/interpreter/interpret.js";
import { evenPadding } from "../../src/graph/language.js";
import { OPS, type OpAttributes, type OpName } from "../../src/graph/ops.js";
import type { Shape } from "../../src/graph/shape.js";
import { buildCase } from "./op-cases.js";

type Values = readonly [shape: Shape, elements: readonly number[]];

interface Example<K extends OpName> {
  readonly attributes: OpAttributes[K];
  readonly inputs: readonly Values[];
  readonly outputs: readonly Values[];
}

const at = (shape: Shape, ...elements: readonly number[]): Values => [shape, elements];

/** An elementwise function of one vector. */
const of = (
  x: readonly number[],
  y: readonly number[],
): { attributes: object; inputs: Values[]; outputs: Values[] } => ({
  attributes: {},
  inputs: [at([x.length], ...x)],
  outputs: [at([y.length], ...y)],
});

const nothing = evenPadding(0);
const row = [1, 2, 3];
const grid: Values = at([2, 3], 1, 2, 3, 4, 5, 6);
/** A 3 × 3 image of one channel. */
const image: Values = at([1, 1, 3, 3], 1, 2, 3, 4, 5, 6, 7, 8, 9);
/** A 2 × 2 kernel from one channel to one. */
const kernel: Values = at([1, 1, 2, 2], 1, 10, 100, 1000);

/** What each operation computes, worked out by hand. */
const EXAMPLES: { readonly [K in OpName]: readonly Example<K>[] } = {
  input: [{ attributes: { name: "x0", shape: [2] }, inputs: [at([2], 7, 8)], outputs: [at([2], 7, 8)] }],
  constant: [
    {
      attributes: { shape: [2, 1], data: Float32Array.of(0.5, -3) },
      inputs: [],
      outputs: [at([2, 1], 0.5, -3)],
    },
  ],

  neg: [of([1, -2], [-1, 2])],
  exp: [of([0, 1, -1], [1, Math.E, 1 / Math.E])],
  log: [of([1, Math.E], [0, 1])],
  sqrt: [of([4, 2.25], [2, 1.5])],
  reciprocal: [of([4, -0.5], [0.25, -2])],
  abs: [of([3, -3, 0], [3, 3, 0])],
  sign: [of([3, -3, 0], [1, -1, 0])],
  tanh: [of([0, Math.log(2), -1000], [0, 0.6, -1])],
  sigmoid: [of([0, Math.log(3), -Math.log(3), -1000], [0.5, 0.75, 0.25, 0])],
  softplus: [of([0, Math.log(3), 1000, -1000], [Math.log(2), Math.log(4), 1000, 0])],
  relu: [of([2, -2, 0], [2, 0, 0])],
  leakyRelu: [{ ...of([2, -2, 0], [2, -0.5, 0]), attributes: { slope: 0.25 } }],
  stopGradient: [of([2, -2], [2, -2])],
  barrier: [of([2, -2], [2, -2])],

  add: [
    { attributes: {}, inputs: [grid, at([3], 10, 20, 30)], outputs: [at([2, 3], 11, 22, 33, 14, 25, 36)] },
    {
      attributes: {},
      inputs: [at([2, 1], 10, 20), at([3], ...row)],
      outputs: [at([2, 3], 11, 12, 13, 21, 22, 23)],
    },
  ],
  sub: [{ attributes: {}, inputs: [grid, at([], 1)], outputs: [at([2, 3], 0, 1, 2, 3, 4, 5)] }],
  mul: [{ attributes: {}, inputs: [grid, at([2, 1], 2, 3)], outputs: [at([2, 3], 2, 4, 6, 12, 15, 18)] }],
  div: [{ attributes: {}, inputs: [at([], 6), at([3], ...row)], outputs: [at([3], 6, 3, 2)] }],
  greater: [{ attributes: {}, inputs: [at([3], ...row), at([], 2)], outputs: [at([3], 0, 0, 1)] }],
  // The condition is "x0 > 0".
  select: [
    { attributes: {}, inputs: [at([3], 1, -1, 0), at([3], ...row), at([], 9)], outputs: [at([3], 1, 9, 9)] },
  ],

  reduceSum: [
    { attributes: { axes: [0] }, inputs: [grid], outputs: [at([1, 3], 5, 7, 9)] },
    { attributes: { axes: [1] }, inputs: [grid], outputs: [at([2, 1], 6, 15)] },
    { attributes: { axes: [0, 1] }, inputs: [grid], outputs: [at([1, 1], 21)] },
  ],
  reduceMean: [{ attributes: { axes: [1] }, inputs: [grid], outputs: [at([2, 1], 2, 5)] }],
  normalize: [
    {
      // Mean 3, variance 4; with eps, the deviation of the first row is 2.5.
      attributes: { axes: [1], eps: 2.25 },
      inputs: [at([2, 2], 1, 5, 7, 7)],
      outputs: [at([2, 2], -0.8, 0.8, 0, 0), at([2, 1], 3, 7), at([2, 1], 1 / 2.5, 1 / 1.5)],
    },
  ],

  broadcast: [
    { attributes: { shape: [2, 3] }, inputs: [at([3], ...row)], outputs: [at([2, 3], 1, 2, 3, 1, 2, 3)] },
    { attributes: { shape: [2, 3] }, inputs: [at([2, 1], 1, 2)], outputs: [at([2, 3], 1, 1, 1, 2, 2, 2)] },
  ],
  reshape: [{ attributes: { shape: [3, 2] }, inputs: [grid], outputs: [at([3, 2], ...grid[1])] }],
  transpose: [
    { attributes: { perm: [1, 0] }, inputs: [grid], outputs: [at([3, 2], 1, 4, 2, 5, 3, 6)] },
    {
      attributes: { perm: [2, 0, 1] },
      inputs: [at([1, 2, 3], ...grid[1])],
      outputs: [at([3, 1, 2], 1, 4, 2, 5, 3, 6)],
    },
  ],
  slice: [
    {
      attributes: { starts: [1, 0], ends: [2, 2], steps: [1, 1] },
      inputs: [grid],
      outputs: [at([1, 2], 4, 5)],
    },
    {
      attributes: { starts: [0, 0], ends: [2, 3], steps: [1, 2] },
      inputs: [grid],
      outputs: [at([2, 2], 1, 3, 4, 6)],
    },
  ],
  padZero: [
    {
      attributes: { before: [1, 0], after: [0, 1], steps: [1, 1] },
      inputs: [at([1, 2], 1, 2)],
      outputs: [at([2, 3], 0, 0, 0, 1, 2, 0)],
    },
    {
      attributes: { before: [1], after: [0], steps: [3] },
      inputs: [at([2], 5, 6)],
      outputs: [at([5], 0, 5, 0, 0, 6)],
    },
  ],
  reflectPad: [
    {
      attributes: { top: 1, left: 2, bottom: 0, right: 1 },
      inputs: [grid],
      outputs: [at([3, 6], 6, 5, 4, 5, 6, 5, 3, 2, 1, 2, 3, 2, 6, 5, 4, 5, 6, 5)],
    },
  ],
  reflectPadAdjoint: [
    {
      attributes: { top: 0, left: 2, bottom: 0, right: 1 },
      inputs: [at([1, 6], 1, 10, 100, 1000, 10000, 100000)],
      outputs: [at([1, 3], 100, 101010, 10001)],
    },
  ],
  concat: [
    {
      attributes: { axis: 1 },
      inputs: [grid, at([2, 1], 7, 8)],
      outputs: [at([2, 4], 1, 2, 3, 7, 4, 5, 6, 8)],
    },
    {
      attributes: { axis: 0 },
      inputs: [at([1], 1), at([2], 2, 3), at([1], 4)],
      outputs: [at([4], 1, 2, 3, 4)],
    },
  ],
  upsampleNearest: [
    { attributes: { scale: 2 }, inputs: [at([1, 2], 1, 2)], outputs: [at([2, 4], 1, 1, 2, 2, 1, 1, 2, 2)] },
  ],

  matmul: [
    {
      attributes: { transposeA: false, transposeB: false },
      inputs: [grid, at([3, 2], 1, 0, 0, 1, 10, 100)],
      outputs: [at([2, 2], 31, 302, 64, 605)],
    },
    {
      attributes: { transposeA: true, transposeB: true },
      inputs: [at([3, 2], 1, 4, 2, 5, 3, 6), at([2, 3], 1, 0, 10, 0, 1, 100)],
      outputs: [at([2, 2], 31, 302, 64, 605)],
    },
    {
      attributes: { transposeA: false, transposeB: false },
      inputs: [at([2, 1, 2], 1, 2, 3, 4), at([2, 2, 1], 1, 10, 100, 1000)],
      outputs: [at([2, 1, 1], 21, 4300)],
    },
  ],
  conv2d: [
    {
      attributes: { stride: 1, padding: nothing },
      inputs: [image, kernel],
      outputs: [at([1, 1, 2, 2], 5421, 6532, 8754, 9865)],
    },
    {
      attributes: { stride: 2, padding: { top: 1, left: 1, bottom: 0, right: 0 } },
      inputs: [image, kernel, at([1], 0.5)],
      outputs: [at([1, 1, 2, 2], 1000.5, 3200.5, 7040.5, 9865.5)],
    },
    {
      // Two images of two channels of one pixel; three output channels.
      attributes: { stride: 1, padding: nothing },
      inputs: [at([2, 2, 1, 1], 1, 2, 3, 4), at([3, 2, 1, 1], 1, 10, 1, 0, 0, 1)],
      outputs: [at([2, 3, 1, 1], 21, 1, 2, 43, 3, 4)],
    },
  ],
  convTranspose2d: [
    {
      attributes: { stride: 2, padding: nothing, outputSize: [2, 4] },
      inputs: [at([1, 1, 1, 2], 2, 3), kernel],
      outputs: [at([1, 1, 2, 4], 2, 20, 3, 30, 200, 2000, 300, 3000)],
    },
    {
      attributes: { stride: 1, padding: { top: 0, left: 1, bottom: 1, right: 0 }, outputSize: [1, 2] },
      inputs: [at([1, 1, 1, 2], 2, 3), kernel, at([1], 0.5)],
      outputs: [at([1, 1, 1, 2], 23.5, 30.5)],
    },
    {
      // The output size decides over a column that no pixel reaches.
      attributes: { stride: 2, padding: nothing, outputSize: [2, 3] },
      inputs: [at([1, 1, 1, 1], 2), kernel],
      outputs: [at([1, 1, 2, 3], 2, 20, 0, 200, 2000, 0)],
    },
  ],
  convWeightGradient: [
    {
      attributes: { stride: 1, padding: nothing, kernel: [2, 2] },
      inputs: [image, at([1, 1, 2, 2], 1, 10, 100, 1000)],
      outputs: [at([1, 1, 2, 2], 5421, 6532, 8754, 9865)],
    },
    {
      attributes: { stride: 2, padding: { top: 1, left: 0, bottom: 0, right: 0 }, kernel: [2, 1] },
      inputs: [image, at([1, 1, 2, 2], 1, 10, 100, 1000)],
      outputs: [at([1, 1, 2, 1], 6400, 9731)],
    },
  ],
  // Two channels: the second's kernel is ten times the first's.
  depthwiseConv2d: [
    {
      attributes: { stride: 1, padding: nothing },
      inputs: [at([1, 2, 1, 2], 1, 2, 3, 4), at([2, 1, 1, 2], 1, 10, 10, 100), at([2], 0, 0.5)],
      outputs: [at([1, 2, 1, 1], 21, 430.5)],
    },
  ],
  depthwiseConvTranspose2d: [
    {
      attributes: { stride: 1, padding: nothing, outputSize: [1, 2] },
      inputs: [at([1, 2, 1, 1], 2, 3), at([2, 1, 1, 2], 1, 10, 10, 100)],
      outputs: [at([1, 2, 1, 2], 2, 20, 30, 300)],
    },
  ],
  depthwiseConvWeightGradient: [
    {
      // Over two images.
      attributes: { stride: 1, padding: nothing, kernel: [1, 2] },
      inputs: [at([2, 2, 1, 2], 1, 2, 3, 4, 5, 6, 7, 8), at([2, 2, 1, 1], 1, 10, 100, 1000)],
      outputs: [at([2, 1, 1, 2], 501, 602, 7030, 8040)],
    },
  ],
};

describe.each(Object.keys(OPS) as OpName[])("the interpreter's %s", (op) => {
  it.each(EXAMPLES[op] as readonly Example<OpName>[])("example %#", (example) => {
    const { attributes, inputs, outputs } = example;
    const built = buildCase(op, { attributes, shapes: op === "input" ? [] : inputs.map(([shape]) => shape) });
    const feeds = new Map(inputs.map(([, elements], i) => [`x${i}`, Float64Array.from(elements)]));
    expect(built.outputs.map(({ shape }) => shape)).toEqual(outputs.map(([shape]) => shape));
    interpret(built.outputs, feeds).forEach((values, k) => {
      const expected = outputs[k]![1];
      expect(values).toHaveLength(expected.length);
      values.forEach((value, i) => {
        expect(value).toBeCloseTo(expected[i]!, 12);
      });
    });
  });
});
