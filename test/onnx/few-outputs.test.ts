import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Graph } from "../../src/graph/graph.js";
import { conv2d, convTranspose2d, input } from "../../src/graph/language.js";
import { compileToOnnx } from "../../src/onnx/compile.js";
import type { LoweringSettings } from "../../src/onnx/lowerings.js";
import { errors } from "./errors.js";

const upTo = (max: number, min = 1): fc.Arbitrary<number> => fc.integer({ min, max });
const side = (): fc.Arbitrary<number> => upTo(4, 0);

const uses = fc.record({
  batch: upTo(2),
  channels: upTo(20, 16),
  outputs: upTo(4),
  size: fc.tuple(upTo(12, 7), upTo(12, 7)),
  kernel: fc.tuple(upTo(5), upTo(5)),
  stride: upTo(2),
  padding: fc.record({ top: side(), left: side(), bottom: side(), right: side() }),
});

describe("Convolutions to a few channels on ONNX Runtime", () => {
  it("are convolutions, at any size, kernel, stride, padding and batch", async () => {
    const property = fc.asyncProperty(
      uses,
      async ({ batch, channels, outputs, size, kernel, stride, padding }) => {
        const graph = new Graph();
        const x = input(graph, "x", [batch, channels, ...size]);
        const y = conv2d(x, input(graph, "w", [outputs, channels, ...kernel]), {
          ...{ padding, stride, bias: input(graph, "bias", [outputs]) },
        });
        // The transposed one takes what such a convolution would give.
        const [rows, columns] = y.shape.slice(2) as [number, number];
        const dy = input(graph, "dy", [batch, channels, rows, columns]);
        const dx = convTranspose2d(dy, input(graph, "v", [channels, outputs, ...kernel]), {
          ...{ padding, stride, outputSize: size, bias: input(graph, "back", [outputs]) },
        });
        for (const error of Object.values(await errors({ y, dx }, {}))) expect(error).toBeLessThan(1e-6);
      },
    );
    await fc.assert(property, { numRuns: 60 });
  });

  it.each([
    ["on the CPU", {}, true],
    ["not on WebGPU", { target: "webgpu" }, false],
    ["not for other runtimes", { target: "any" }, false],
  ] as const)("are products and sums %s", (_, settings: LoweringSettings, expected) => {
    const graph = new Graph();
    const x = input(graph, "x", [1, 16, 8, 8]);
    const y = conv2d(x, input(graph, "w", [3, 16, 7, 7]));
    const used = new TextDecoder("latin1").decode(compileToOnnx({ y }, settings).bytes).includes("Col2Im");
    expect(used).toBe(expected);
  });
});
