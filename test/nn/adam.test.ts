import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { decodeSafetensors } from "../../src/formats/safetensors.js";
import type { FloatTensor } from "../../src/formats/tensor.js";
import { Graph } from "../../src/graph/graph.js";
import { input } from "../../src/graph/language.js";
import { type AdamOptions, adamScalars, adamUpdate, adamUpdateInPlace } from "../../src/nn/adam.js";
import { compileToOnnx } from "../../src/onnx/compile.js";
import { ortModule } from "../../src/runtime/node/ort-module.js";
import { GraphSession } from "../../src/runtime/ort.js";

/** Adam with its real epsilon, on given gradients, against torch.optim.Adam. */

const { tensors, metadata } = decodeSafetensors(
  readFileSync(new URL("../fixtures/goldens/adam.safetensors", import.meta.url)),
  "adam",
);
const given = JSON.parse(metadata.options!) as {
  lr: number[];
  beta1: number;
  beta2: number;
  adam_eps: number;
  steps: number;
};
const options: AdamOptions = {
  ...{ beta1: given.beta1, beta2: given.beta2, eps: given.adam_eps },
  form: "torch",
};
const names = [...tensors.keys()]
  .filter((name) => name.startsWith("start/"))
  .map((name) => name.slice("start/".length));
const values = (name: string): number[] => Array.from(tensors.get(name)!.data as Float32Array | Float64Array);

/** Largest difference, relative to the largest change that the ten steps make. */
function worstError(
  actual: ArrayLike<number>,
  expected: readonly number[],
  start: readonly number[],
): number {
  const reach = Math.max(...expected.map((value, i) => Math.abs(value - start[i]!)), 1e-12);
  return Math.max(...expected.map((value, i) => Math.abs(actual[i]! - value))) / reach;
}

describe.each(names)("Adam on %s", (name) => {
  const start = values(`start/${name}`);
  const shape = [start.length];
  const last = given.steps - 1;

  it("on plain arrays is PyTorch's", () => {
    const state = {
      parameter: Float32Array.from(start),
      firstMoment: new Float32Array(start.length),
      secondMoment: new Float32Array(start.length),
    };
    for (const [i, rate] of given.lr.entries()) {
      adamUpdateInPlace(
        state,
        Float32Array.from(values(`grad.${i}/${name}`)),
        options,
        adamScalars(options, rate, i + 1),
      );
    }
    // Weights of size 1 in float32 take the steps of 2e-4 with a rounding error of about 1e-3 of the way.
    expect(worstError(state.parameter, values(`weight.${last}/${name}`), start)).toBeLessThan(2e-3);
    expect(
      worstError(
        state.firstMoment,
        values(`exp_avg/${name}`),
        start.map(() => 0),
      ),
    ).toBeLessThan(1e-6);
    expect(
      worstError(
        state.secondMoment,
        values(`exp_avg_sq/${name}`),
        start.map(() => 0),
      ),
    ).toBeLessThan(1e-6);
  });

  it("inside a graph is PyTorch's", async () => {
    const graph = new Graph();
    const next = adamUpdate(
      {
        parameter: input(graph, "p", shape),
        firstMoment: input(graph, "m", shape),
        secondMoment: input(graph, "v", shape),
      },
      input(graph, "g", shape),
      options,
      { stepSize: input(graph, "step_size", []), secondCorrection: input(graph, "correction", []) },
    );
    const compiled = compileToOnnx({ p: next.parameter, m: next.firstMoment, v: next.secondMoment });
    const session = await GraphSession.create(ortModule, compiled, { threads: 1 });
    const state = new Map<string, FloatTensor>([
      ["p", { shape, data: Float32Array.from(start) }],
      ["m", { shape, data: new Float32Array(start.length) }],
      ["v", { shape, data: new Float32Array(start.length) }],
    ]);
    for (const [i, rate] of given.lr.entries()) {
      const { stepSize, secondCorrection } = adamScalars(options, rate, i + 1);
      const feeds = new Map<string, FloatTensor>([
        ...state,
        ["g", { shape, data: Float32Array.from(values(`grad.${i}/${name}`)) }],
      ]);
      feeds.set("step_size", { shape: [], data: Float32Array.of(stepSize) });
      feeds.set("correction", { shape: [], data: Float32Array.of(secondCorrection) });
      const results = await session.run(feeds, new Map([...state.keys()].map((key) => [key, undefined])));
      for (const [key, tensor] of results) state.set(key, { shape, data: tensor.data });
    }
    expect(worstError(state.get("p")!.data, values(`weight.${last}/${name}`), start)).toBeLessThan(2e-3);
    expect(
      worstError(
        state.get("v")!.data,
        values(`exp_avg_sq/${name}`),
        start.map(() => 0),
      ),
    ).toBeLessThan(2e-6);
    await session.close();
  });
});

describe("Adam in Keras' form", () => {
  const rate = 0.01;
  const steps = 6;
  // An epsilon as large as the gradients, so that its place decides the result.
  const keras: AdamOptions = { beta1: 0.5, beta2: 0.999, eps: 0.05, form: "keras" };
  const gradient = (step: number): number[] => [0.3, -0.02, 0.001, 0].map((g) => g * Math.cos(step));

  /** Keras' formula in float64: p −= lr · √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√v + ε). */
  function expected(): number[] {
    const [p, m, v] = [
      [1, 1, 1, 1],
      [0, 0, 0, 0],
      [0, 0, 0, 0],
    ];
    for (let t = 1; t <= steps; t++) {
      const size = (rate * Math.sqrt(1 - 0.999 ** t)) / (1 - 0.5 ** t);
      for (const [i, g] of gradient(t).entries()) {
        m[i] = 0.5 * m[i]! + 0.5 * g;
        v[i] = 0.999 * v[i]! + 0.001 * g * g;
        p[i] = p[i]! - (size * m[i]!) / (Math.sqrt(v[i]!) + 0.05);
      }
    }
    return p;
  }

  function actual(options: AdamOptions): number[] {
    const state = {
      parameter: Float32Array.of(1, 1, 1, 1),
      firstMoment: new Float32Array(4),
      secondMoment: new Float32Array(4),
    };
    for (let t = 1; t <= steps; t++) {
      adamUpdateInPlace(state, Float32Array.from(gradient(t)), options, adamScalars(options, rate, t));
    }
    return [...state.parameter];
  }

  it("is the plain formula, and not PyTorch's form", () => {
    const start = [1, 1, 1, 1];
    expect(worstError(actual(keras), expected(), start)).toBeLessThan(1e-3);
    expect(worstError(actual({ ...keras, form: "torch" }), expected(), start)).toBeGreaterThan(0.1);
  });
});

/** The formula in float32, rounded after every operation. */
function inFloat32(
  [p, m, v, g]: readonly [number, number, number, number],
  { beta1, beta2, eps }: AdamOptions,
  { stepSize, secondCorrection }: { stepSize: number; secondCorrection: number },
): [number, number, number] {
  const f = Math.fround;
  const nextM = f(f(m * f(beta1)) + f(g * f(1 - beta1)));
  const nextV = f(f(v * f(beta2)) + f(f(g * g) * f(1 - beta2)));
  const denominator = f(f(f(Math.sqrt(nextV)) * f(secondCorrection)) + f(eps));
  return [f(p - f(f(nextM * f(stepSize)) / denominator)), nextM, nextV];
}

it.each([1, 3, 4, 8191, 8192, 8195, 20_001])("on %d numbers is float32, exactly", (length) => {
  const draw = (scale: number): Float32Array =>
    Float32Array.from({ length }, (_, i) => scale * Math.sin(i * 12.9898 + scale));
  const [parameter, firstMoment, gradient] = [draw(1), draw(0.1), draw(0.3)];
  const secondMoment = draw(0.2).map(Math.abs);
  const scalars = adamScalars(options, 0.0002, 7);
  const expected = Array.from(parameter, (p, i) =>
    inFloat32([p, firstMoment[i]!, secondMoment[i]!, gradient[i]!], options, scalars),
  );
  adamUpdateInPlace({ parameter, firstMoment, secondMoment }, gradient, options, scalars);
  expect(Array.from(parameter)).toEqual(expected.map(([p]) => p));
  expect(Array.from(firstMoment)).toEqual(expected.map(([, m]) => m));
  expect(Array.from(secondMoment)).toEqual(expected.map(([, , v]) => v));
});
