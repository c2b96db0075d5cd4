import fc from "fast-check";
import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { gradients } from "../../src/autodiff/gradients.js";
import { Graph, type Tensor } from "../../src/graph/graph.js";
import { interpret } from "../../src/graph/interpreter/interpret.js";
import {
  conv2d,
  convTranspose2d,
  convWeightGradient,
  evenPadding,
  input,
  mean,
  mul,
} from "../../src/graph/language.js";
import type { Padding2d } from "../../src/graph/ops.js";
import { compileToOnnx } from "../../src/onnx/compile.js";
import { cookToom } from "../../src/onnx/cook-toom.js";
import { refusesWinograd } from "../../src/onnx/lower-winograd.js";
import type { LoweringSettings } from "../../src/onnx/lowerings.js";
import { RandomStream } from "../../src/random/philox.js";
import { relativeError } from "../models/goldens.js";

interface Problem {
  readonly batch: number;
  readonly channels: number;
  readonly outputs: number;
  readonly size: readonly [number, number];
  readonly padding: Padding2d;
}

/** A convolution with bias and both of its gradients. */
function problem({ batch, channels, outputs, size, padding }: Problem): Record<string, Tensor> {
  const graph = new Graph();
  const x = input(graph, "x", [batch, channels, ...size]);
  const w = input(graph, "w", [outputs, channels, 3, 3]);
  const y = conv2d(x, w, { padding, bias: input(graph, "bias", [outputs]) });
  const dy = input(graph, "dy", y.shape);
  const back = { padding, outputSize: size, bias: input(graph, "back", [channels]) };
  const dw = convWeightGradient(x, dy, { stride: 1, padding, kernel: [3, 3] });
  return { y, dx: convTranspose2d(dy, w, back), dw };
}

function feedsOf(inputs: ReadonlyMap<string, readonly number[]>): Map<string, Float32Array> {
  return new Map(
    [...inputs].map(([name, shape]) => {
      const data = new Float32Array(shape.reduce((n, extent) => n * extent, 1));
      new RandomStream(1, name, 0).fillUniform(data);
      return [name, data.map((value) => 2 * value - 1)];
    }),
  );
}

/** Relative errors of all outputs against the float64 interpreter. */
async function errors(
  outputs: Record<string, Tensor>,
  settings: LoweringSettings,
): Promise<Record<string, number>> {
  const { bytes, inputs } = compileToOnnx(outputs, settings);
  const feeds = feedsOf(inputs);
  const truth = interpret(
    Object.values(outputs),
    new Map([...feeds].map(([name, data]) => [name, Float64Array.from(data)])),
  );
  const session = await InferenceSession.create(bytes, { intraOpNumThreads: 2, logSeverityLevel: 3 });
  try {
    const fed = [...inputs].map(
      ([name, shape]) => [name, new OrtTensor("float32", feeds.get(name)!, shape)] as const,
    );
    const results = await session.run(Object.fromEntries(fed));
    return Object.fromEntries(
      Object.keys(outputs).map((name, i) => [
        name,
        relativeError(results[`out:${name}`]!.data as Float32Array, truth[i]!),
      ]),
    );
  } finally {
    await session.release();
  }
}

describe("Cook's and Toom's construction", () => {
  it.each([
    { outputs: 4, taps: 3, points: [0, 5 / 8, -5 / 8, 3 / 2, -3 / 2] },
    { outputs: 2, taps: 3, points: [0, 1, -1] },
    { outputs: 3, taps: 2, points: [0, 1, -1] },
  ])("F($outputs, $taps) is a correlation", ({ outputs, taps, points }) => {
    const { output, kernel, input: window } = cookToom(outputs, taps, points);
    const dot = (a: readonly number[], b: readonly number[]): number =>
      a.reduce((sum, value, i) => sum + value * b[i]!, 0);
    const d = window.map((_, i) => Math.sin(3 * i + 1));
    const g = Array.from({ length: taps }, (_, i) => Math.cos(5 * i + 2));
    const products = window.map((row, p) => dot(row, d) * dot(kernel[p]!, g));
    output.forEach((row, i) => {
      expect(dot(row, products)).toBeCloseTo(dot(d.slice(i, i + taps), g), 12);
    });
  });
});

describe("Winograd's algorithm on ONNX Runtime", () => {
  const upTo = (max: number, min = 1): fc.Arbitrary<number> => fc.integer({ min, max });
  const side = (): fc.Arbitrary<number> => upTo(2, 0);

  it("is a convolution and its gradients, at any size, padding and batch", async () => {
    const problems = fc.record({
      batch: upTo(3),
      channels: upTo(5),
      outputs: upTo(5),
      size: fc.tuple(upTo(14, 3), upTo(14, 3)),
      padding: fc.record({ top: side(), left: side(), bottom: side(), right: side() }),
    });
    const property = fc.asyncProperty(problems, async (use) => {
      for (const error of Object.values(await errors(problem(use), { conv: "winograd" })))
        expect(error).toBeLessThan(5e-6);
    });
    await fc.assert(property, { numRuns: 40 });
  });

  it("rounds a layer of a ResNet to 2e-6, where auto takes it", async () => {
    const use = {
      ...{ batch: 1, channels: 64, outputs: 64, size: [26, 26] as const },
      padding: evenPadding(0),
    };
    expect(compileToOnnx(problem(use), { conv: "auto" }).bytes).toEqual(
      compileToOnnx(problem(use), { conv: "winograd" }).bytes,
    );
    for (const error of Object.values(await errors(problem(use), { conv: "auto" })))
      expect(error).toBeLessThan(2e-6);
  });

  it("transforms x, w and dy once for a convolution and both gradients", () => {
    const graph = new Graph();
    const x = input(graph, "x", [1, 4, 8, 8]);
    const w = input(graph, "w", [4, 4, 3, 3]);
    const y = conv2d(x, w, { padding: evenPadding(1) });
    const [dx, dw] = gradients(mean(mul(y, y)), [x, w]);
    const text = new TextDecoder("latin1").decode(
      compileToOnnx({ dx: dx!, dw: dw! }, { conv: "winograd" }).bytes,
    );
    // Three transforms there, three back.
    expect(text.match(/\/Gemm#/g)).toHaveLength(6);
  });
});

describe("Winograd's algorithm refuses", () => {
  const square = { stride: 1, kernel: [3, 3] };
  const large = [1, 256, 64, 64];

  it.each([
    ["another stride", "winograd", { ...square, stride: 2 }, large, large, "stride is 2"],
    ["another kernel", "winograd", { ...square, kernel: [4, 4] }, large, large, "4×4"],
    ["a kernel that is not square", "winograd", { ...square, kernel: [3, 1] }, large, large, "3×1"],
    ["few channels", "auto", square, [1, 3, 64, 64], large, "3 channels"],
    ["few outputs", "auto", square, large, [1, 32, 64, 64], "32 channels"],
    ["small images", "auto", square, [1, 256, 4, 4], [1, 256, 4, 4], "1 tiles"],
  ] as const)("%s", (_, use, convolution, x, y, reason) => {
    expect(refusesWinograd(use, convolution, x, y)).toContain(reason);
  });

  it("nothing that it is faster at", () => {
    expect(refusesWinograd("auto", square, large, large)).toBeUndefined();
    expect(refusesWinograd("auto", square, [1, 256, 16, 16], [1, 256, 16, 16])).toBeUndefined();
  });

  it.each([
    ["by default", {}],
    ["with conv direct", { conv: "direct" }],
    ["on WebGPU", { conv: "winograd", target: "webgpu" }],
  ] as const)("all convolutions %s", (_, settings) => {
    const use = { batch: 1, channels: 64, outputs: 64, size: [32, 32] as const, padding: evenPadding(1) };
    const used = ({ bytes }: { bytes: Uint8Array }): boolean =>
      new TextDecoder("latin1").decode(bytes).includes("FusedMatMul");
    expect(used(compileToOnnx(problem(use), settings))).toBe(false);
    expect(used(compileToOnnx(problem(use), { conv: "winograd" }))).toBe(true);
  });
});
