import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { interpret } from "../../src/graph/interpreter/interpret.js";
import { select } from "../../src/graph/language.js";
import { OPS, type OpName } from "../../src/graph/ops.js";
import { compileToOnnx } from "../../src/onnx/compile.js";
import { ortModule } from "../../src/runtime/node/ort-module.js";
import { GraphSession } from "../../src/runtime/ort.js";
import { buildCase, DOMAINS, inputName, type OpCase, opCases, randomFeeds } from "../graph/op-cases.js";
import { WEBGPU } from "../setup/webgpu.js";

/** Every operation on the WebGPU provider. A session there refuses graphs of which a node would run on the CPU. */

const CASES = 3;
const small = opCases({ extent: 5, batch: 3, channels: 5, image: 9, kernel: 4 });

async function runOnWebGpu<K extends OpName>(
  op: K,
  use: OpCase<K>,
  given?: ReadonlyMap<string, Float64Array>,
) {
  const { inputs, outputs } = buildCase(op, use);
  const numbers = op === "greater" ? outputs.map((condition) => select(condition, 1, 0)) : outputs;
  const feeds = given ?? randomFeeds(inputs, 1, DOMAINS[op] ?? "any");
  const named = Object.fromEntries(numbers.map((tensor, i) => [`y${i}`, tensor]));
  const compiled = compileToOnnx(named, { target: "webgpu" });
  const session = await GraphSession.create(ortModule, compiled, { threads: 1, device: "webgpu" });
  try {
    const fed = [...compiled.inputs].map(
      ([name, shape]) => [name, { shape, data: Float32Array.from(feeds.get(name)!) }] as const,
    );
    const results = await session.run(
      new Map(fed),
      new Map(Object.keys(named).map((name) => [name, undefined])),
    );
    return { actual: numbers.map((_, i) => results.get(`y${i}`)!.data), expected: interpret(numbers, feeds) };
  } finally {
    await session.close();
  }
}

/** The largest difference in relation to the largest value. */
function expectClose(
  actual: readonly Float32Array[],
  expected: readonly Float64Array[],
  within: number,
): void {
  expected.forEach((values, k) => {
    expect(actual[k]).toHaveLength(values.length);
    const size = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1);
    values.forEach((value, i) => {
      expect(Math.abs(actual[k]![i]! - value) / size).toBeLessThan(within);
    });
  });
}

// An input alone has no node that could be elsewhere.
const ops = (Object.keys(OPS) as OpName[]).filter((op) => op !== "input" && op !== "constant");

describe.skipIf(!WEBGPU).each(ops)("%s on WebGPU", (op) => {
  it("is what the interpreter gives", async () => {
    const uses = fc.sample(small[op] as fc.Arbitrary<OpCase<OpName>>, { numRuns: CASES, seed: 1 });
    for (const use of uses) {
      const { actual, expected } = await runOnWebGpu(op, use);
      expectClose(actual, expected, 1e-5);
    }
  });
});

describe.skipIf(!WEBGPU)("on WebGPU", () => {
  it.each(["tanh", "sigmoid", "softplus", "sign"] as const)("%s takes extreme values", async (op) => {
    const use = { attributes: {}, shapes: [[7]] };
    const name = inputName(buildCase(op, use).inputs[0]!);
    const feeds = new Map([[name, Float64Array.of(-1000, -90, -20, 0, 20, 90, 1000)]]);
    const { actual, expected } = await runOnWebGpu(op, use, feeds);
    expectClose(actual, expected, 1e-6);
  });

  it.each([
    { norm: "instance", axes: [2, 3] },
    { norm: "batch", axes: [0, 2, 3] },
  ])("$norm norm is right far from zero", async ({ axes }) => {
    const use = { attributes: { axes, eps: 1e-5 }, shapes: [[2, 3, 16, 16]] };
    const { inputs } = buildCase("normalize", use);
    const feeds = randomFeeds(inputs, 1, "any");
    for (const values of feeds.values())
      for (const i of values.keys()) values[i] = Math.fround(300 + values[i]!);
    const { actual, expected } = await runOnWebGpu("normalize", use, feeds);
    // The rounding of the mean, 300 · 2⁻²⁴, over the deviation.
    for (const [k, values] of expected.entries()) expectClose([actual[k]!], [values], 1e-4);
  });

  it.each([
    { layer: "U-Net down", x: [2, 20, 32, 32], outputs: 40, kernel: 4, stride: 2, pad: 1 },
    { layer: "ResNet down", x: [2, 20, 16, 16], outputs: 40, kernel: 3, stride: 2, pad: 1 },
    { layer: "deepest U-Net", x: [3, 64, 2, 2], outputs: 64, kernel: 4, stride: 2, pad: 1 },
    { layer: "last 7×7", x: [1, 32, 30, 30], outputs: 3, kernel: 7, stride: 1, pad: 0 },
  ])("the weight's gradient of $layer is right", async ({ x, outputs, kernel, stride, pad }) => {
    const attributes = { stride, padding: { top: pad, left: pad, bottom: pad, right: pad } };
    const y = OPS.conv2d.shapes(attributes, [x, [outputs, x[1]!, kernel, kernel]])[0]!;
    const use = { attributes: { ...attributes, kernel: [kernel, kernel] as const }, shapes: [x, y] };
    const { actual, expected } = await runOnWebGpu("convWeightGradient", use);
    expectClose(actual, expected, 1e-6);
  });
});
