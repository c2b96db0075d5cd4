import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { gradients } from "../../src/autodiff/gradients.js";
import { Graph, type Tensor } from "../../src/graph/graph.js";
import {
  conv2d,
  convTranspose2d,
  convWeightGradient,
  evenPadding,
  input,
  mean,
  mul,
  reflectPad,
} from "../../src/graph/language.js";
import type { Padding2d } from "../../src/graph/ops.js";
import { compileToOnnx } from "../../src/onnx/compile.js";
import { cookToom } from "../../src/onnx/cook-toom.js";
import { refusesWinograd } from "../../src/onnx/lower-winograd.js";
import type { LoweringSettings } from "../../src/onnx/lowerings.js";
import { errors } from "./errors.js";

interface Problem {
  readonly batch: number;
  readonly channels: number;
  readonly outputs: number;
  readonly size: readonly [number, number];
  readonly padding: Padding2d;
  /** Default 3. */
  readonly kernel?: number;
  /** Default 1. */
  readonly stride?: number;
}

/** A convolution with bias and both of its gradients. */
function problem(use: Problem): Record<string, Tensor> {
  const { batch, channels, outputs, size, padding, kernel = 3, stride = 1 } = use;
  const graph = new Graph();
  const x = input(graph, "x", [batch, channels, ...size]);
  const w = input(graph, "w", [outputs, channels, kernel, kernel]);
  const y = conv2d(x, w, { padding, stride, bias: input(graph, "bias", [outputs]) });
  const dy = input(graph, "dy", y.shape);
  const back = { padding, stride, outputSize: size, bias: input(graph, "back", [channels]) };
  const dw = convWeightGradient(x, dy, { stride, padding, kernel: [kernel, kernel] });
  return { y, dx: convTranspose2d(dy, w, back), dw };
}

/** A convolution of a reflected image, and both of its gradients. */
function reflected({ batch, channels, outputs, size, padding }: Problem): Record<string, Tensor> {
  const graph = new Graph();
  const x = input(graph, "x", [batch, channels, ...size]);
  const w = input(graph, "w", [outputs, channels, 3, 3]);
  const y = conv2d(reflectPad(x, padding), w);
  const [dx, dw] = gradients(mean(mul(y, input(graph, "dy", y.shape))), [x, w]);
  return { y, dx: dx!, dw: dw! };
}

const operators = (outputs: Record<string, Tensor>, settings: LoweringSettings): string =>
  new TextDecoder("latin1").decode(compileToOnnx(outputs, settings).bytes);

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

  const uses = {
    batch: upTo(3),
    // Narrow layers and wide ones have tiles of their own.
    channels: fc.constantFrom(1, 2, 5, 16, 17),
    outputs: fc.constantFrom(1, 3, 4, 16, 18),
    size: fc.tuple(upTo(14, 4), upTo(14, 4)),
    padding: fc.record({ top: side(), left: side(), bottom: side(), right: side() }),
  };

  it.each([
    { kernel: 3, stride: 1 },
    { kernel: 4, stride: 1 },
    { kernel: 3, stride: 2 },
    { kernel: 4, stride: 2 },
  ])(
    "is a convolution of $kernel² at stride $stride and its gradients, at any size, padding and batch",
    async (form) => {
      const property = fc.asyncProperty(fc.record(uses), async (use) => {
        const outputs = problem({ ...use, ...form });
        for (const error of Object.values(await errors(outputs, { conv: "winograd" })))
          expect(error).toBeLessThan(5e-6);
      });
      await fc.assert(property, { numRuns: 25 });
    },
  );

  it("reflects as it gathers, forwards and back", async () => {
    const property = fc.asyncProperty(fc.record(uses), async (use) => {
      for (const error of Object.values(await errors(reflected(use), { conv: "winograd" })))
        expect(error).toBeLessThan(5e-6);
    });
    await fc.assert(property, { numRuns: 25 });
    const use = { batch: 1, channels: 4, outputs: 4, size: [8, 8] as const, padding: evenPadding(1) };
    expect(operators(reflected(use), { conv: "direct" })).toContain("Pad");
    expect(operators(reflected(use), { conv: "winograd" })).not.toContain("Pad");
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

  it("transforms x and dy once for a convolution and both gradients, and w for each product", () => {
    const graph = new Graph();
    const x = input(graph, "x", [1, 4, 8, 8]);
    const w = input(graph, "w", [4, 4, 3, 3]);
    const y = conv2d(x, w, { padding: evenPadding(1) });
    const [dx, dw] = gradients(mean(mul(y, y)), [x, w]);
    const text = operators({ dx: dx!, dw: dw! }, { conv: "winograd" });
    // Four transforms there, three back.
    expect(text.match(/\/Gemm#/g)).toHaveLength(7);
  });
});

describe("Winograd's algorithm refuses", () => {
  const large = [1, 256, 64, 64];
  const small = [1, 256, 4, 4];
  const square = {
    ...{ stride: 1, kernel: [3, 3], x: large, y: large },
    border: { mode: "zero", ...evenPadding(1) },
  } as const;

  it.each([
    ["another stride", "winograd", { ...square, stride: 3 }, "stride 3"],
    ["another kernel", "winograd", { ...square, kernel: [5, 5] }, "5×5"],
    ["a kernel that is not square", "winograd", { ...square, kernel: [3, 1] }, "3×1"],
    ["pixels out of reach", "winograd", { ...square, y: [1, 256, 60, 60] }, "last pixels"],
    ["few channels", "auto", { ...square, x: [1, 3, 64, 64] }, "3 channels"],
    ["few outputs", "auto", { ...square, y: [1, 32, 64, 64] }, "32 channels"],
    ["small images", "auto", { ...square, x: small, y: small }, "1 tiles"],
  ] as const)("%s", (_, use, convolution, reason) => {
    expect(refusesWinograd(use, convolution)).toContain(reason);
  });

  it("nothing that it is faster at", () => {
    expect(refusesWinograd("auto", square)).toBeUndefined();
    const medium = [1, 256, 16, 16];
    expect(refusesWinograd("auto", { ...square, x: medium, y: medium })).toBeUndefined();
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
