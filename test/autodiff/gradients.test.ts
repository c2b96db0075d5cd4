import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { gradients } from "../../src/autodiff/gradients.js";
import { GRADIENT_RULES } from "../../src/autodiff/rules.js";
import { Graph, type Tensor } from "../../src/graph/graph.js";
import { interpret } from "../../src/graph/interpreter/interpret.js";
import {
  add,
  constant,
  greater,
  input,
  mul,
  reduceSum,
  reshape,
  select,
  sign,
  stopGradient,
  tanh,
} from "../../src/graph/language.js";
import type { OpName } from "../../src/graph/ops.js";
import { verify } from "../../src/graph/verify.js";
import { RandomStream } from "../../src/random/philox.js";
import {
  buildCase,
  DOMAINS,
  inputName,
  type OpCase,
  opCases,
  randomFeeds,
  randomValues,
} from "../graph/op-cases.js";

const CASES = opCases({ extent: 3, batch: 2, channels: 2, image: 5, kernel: 3 });

const sum = (x: Tensor): Tensor => reshape(reduceSum(x), []);

const valuesOf = (tensors: readonly Tensor[], x: readonly number[]): number[][] =>
  interpret(tensors, new Map([["x", Float64Array.from(x)]])).map((values) => Array.from(values));

type Feeds = ReadonlyMap<string, Float64Array>;

/** Σ weight · y over several tensors, with random constant weights: a scalar that depends on all elements. */
function weightedSum(tensors: readonly Tensor[], random: RandomStream): Tensor {
  const sums = tensors.map((y) => {
    const weights = constant(y.graph, Float32Array.from(randomValues(random, y.size, "nonzero")), y.shape);
    return sum(mul(y, weights));
  });
  return sums.reduce(add);
}

const moved = (feeds: Feeds, direction: Feeds, step: number): Feeds =>
  new Map([...feeds].map(([name, data]) => [name, data.map((x, i) => x + step * direction.get(name)![i]!)]));

/** Derivative of a scalar along a direction: central differences, extrapolated to an error of O(step⁴). */
function finiteDifference(scalar: Tensor, feeds: Feeds, direction: Feeds): number {
  const value = (step: number): number => interpret([scalar], moved(feeds, direction, step))[0]![0]!;
  const central = (step: number): number => (value(step) - value(-step)) / (2 * step);
  const step = 5e-4;
  return (4 * central(step / 2) - central(step)) / 3;
}

/** Compares the gradient in the inputs with finite differences along random directions. */
function expectGradient(scalar: Tensor, inputs: readonly Tensor[], feeds: Feeds, random: RandomStream): void {
  const computed = gradients(scalar, inputs);
  expect(computed.map(({ shape }) => shape)).toEqual(inputs.map(({ shape }) => shape));
  verify(computed);
  const values = interpret(computed, feeds);
  for (let i = 0; i < 2; i++) {
    const direction = new Map(
      inputs.map((tensor) => [inputName(tensor), randomValues(random, tensor.size, "any")]),
    );
    let expected = 0;
    let scale = 1;
    inputs.forEach((tensor, k) => {
      values[k]!.forEach((gradient, j) => {
        const term = gradient * direction.get(inputName(tensor))![j]!;
        expected += term;
        scale += Math.abs(term);
      });
    });
    expect(Math.abs(finiteDifference(scalar, feeds, direction) - expected) / scale).toBeLessThan(1e-6);
  }
}

/** Runs a check on random uses of an operation, with values away from kinks and poles. */
function forAll<K extends OpName>(
  op: K,
  check: (inputs: readonly Tensor[], outputs: readonly Tensor[], feeds: Feeds, random: RandomStream) => void,
): void {
  const property = (use: OpCase<K>, seed: number): void => {
    const { inputs, outputs } = buildCase(op, use);
    const feeds = randomFeeds(inputs, seed, DOMAINS[op] ?? "nonzero");
    check(inputs, outputs, feeds, new RandomStream(seed, "directions"));
  };
  fc.assert(fc.property(CASES[op] as fc.Arbitrary<OpCase<K>>, fc.nat(), property), { numRuns: 40 });
}

const OPERATIONS = Object.keys(GRADIENT_RULES) as OpName[];
const differentiable = OPERATIONS.filter((op) => GRADIENT_RULES[op] !== "none");

describe.each(differentiable)("gradient of %s", (op) => {
  it("is what finite differences give", () => {
    forAll(op, (inputs, outputs, feeds, random) => {
      expectGradient(weightedSum(outputs, random), inputs, feeds, random);
    });
  });

  it("can be differentiated again", () => {
    forAll(op, (inputs, outputs, feeds, random) => {
      // Squares, so that operations that are linear have a second derivative too.
      const loss = weightedSum([...outputs, ...outputs.map((y) => mul(y, y))], random);
      const first = gradients(loss, inputs);
      expectGradient(weightedSum(first, random), inputs, feeds, random);
    });
  });
});

describe("gradient of normalize", () => {
  it.each([["y"], ["mean"], ["rstd"], ["mean", "rstd"], ["y", "rstd"]])("in %s %s", (...names) => {
    forAll("normalize", (inputs, [y, mean, rstd], feeds, random) => {
      const outputs = { y: y!, mean: mean!, rstd: rstd! };
      const used = names.map((name) => outputs[name as keyof typeof outputs]);
      expectGradient(weightedSum(used, random), inputs, feeds, random);
    });
  });
});

describe("operations without a gradient", () => {
  it("are those that have no useful derivative", () => {
    const without = OPERATIONS.filter((op) => GRADIENT_RULES[op] === "none");
    expect(without.sort()).toEqual(["constant", "greater", "input", "sign", "stopGradient"]);
  });

  it("let none through", () => {
    const x = input(new Graph(), "x", [3]);
    const loss = sum(add(mul(x, stopGradient(x)), add(sign(x), select(greater(x, 0), 5, 7))));
    expect(valuesOf(gradients(loss, [x]), [2, -3, 4])).toEqual([[2, -3, 4]]);
  });
});

describe("gradients", () => {
  const sumOfSquares = (x: Tensor): Tensor => sum(mul(x, x));

  it("add up over the uses of a value", () => {
    const x = input(new Graph(), "x", [2]);
    const loss = sum(add(mul(x, x), mul(x, 3)));
    expect(valuesOf(gradients(loss, [x]), [1, -2])).toEqual([[5, -1]]);
  });

  it("are taken in values inside the graph, and in the inputs before them", () => {
    const x = input(new Graph(), "x", [2]);
    const y = mul(x, 3);
    expect(valuesOf(gradients(sumOfSquares(y), [y, x]), [1, -2])).toEqual([
      [6, -12],
      [18, -36],
    ]);
  });

  it("are 1 in the loss itself", () => {
    const loss = sum(input(new Graph(), "x", [2]));
    expect(valuesOf(gradients(loss, [loss]), [5, 6])).toEqual([[1]]);
  });

  it("are zeros, in its shape, for a target that the loss does not depend on", () => {
    const graph = new Graph();
    const [unrelated] = gradients(sumOfSquares(input(graph, "x", [2])), [input(graph, "z", [2, 3])]);
    expect(unrelated!.shape).toEqual([2, 3]);
    expect(valuesOf([unrelated!], [1, 1])).toEqual([[0, 0, 0, 0, 0, 0]]);
  });

  it("stand in the scope of what they differentiate", () => {
    const graph = new Graph();
    const x = input(graph, "x", [2]);
    const loss = graph.scope("netG", () => graph.scope("down1", () => sum(tanh(x))));
    const [gradient] = gradients(loss, [x]);
    expect(gradient!.node.scope).toBe("netG/down1/gradient");
  });

  it("refuse a loss of several elements", () => {
    const x = input(new Graph(), "x", [2, 3]);
    expect(() => gradients(x, [x])).toThrow(
      expect.objectContaining({ code: "E_GRAPH", message: expect.stringContaining("[2,3]") }),
    );
  });
});
