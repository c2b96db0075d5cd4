import fc from "fast-check";
import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { Graph, type Tensor } from "../../src/graph/graph.js";
import { interpret } from "../../src/graph/interpreter/interpret.js";
import { evenPadding, greater, input, select } from "../../src/graph/language.js";
import { OPS, type OpName } from "../../src/graph/ops.js";
import { elements, type Shape } from "../../src/graph/shape.js";
import { compileToOnnx } from "../../src/onnx/compile.js";
import { buildCase, DOMAINS, inputName, type OpCase, opCases, randomFeeds } from "../graph/op-cases.js";

type Feeds = ReadonlyMap<string, Float64Array>;

/** Runs tensors on ONNX Runtime's CPU provider. */
async function runOnnx(outputs: readonly Tensor[], feeds: Feeds): Promise<Float32Array[]> {
  const named = Object.fromEntries(outputs.map((tensor, i) => [`y${i}`, tensor]));
  const { bytes, inputs } = compileToOnnx(named);
  const session = await InferenceSession.create(bytes, { executionProviders: ["cpu"], intraOpNumThreads: 1 });
  try {
    const fed = [...inputs].map(([name, shape]) => {
      const data = Float32Array.from(feeds.get(name)!);
      return [name, new OrtTensor("float32", data, shape)] as const;
    });
    const results = await session.run(Object.fromEntries(fed));
    return outputs.map((_, i) => results[`out:y${i}`]!.data as Float32Array);
  } finally {
    await session.release();
  }
}

/** Operations that only move numbers, or round once, as IEEE says: bit for bit what float64 rounds to. */
const EXACT: readonly OpName[] = [
  "input",
  "constant",
  "neg",
  "sqrt",
  "abs",
  "sign",
  "relu",
  "stopGradient",
  "barrier",
  "add",
  "sub",
  "mul",
  "div",
  "greater",
  "select",
  "broadcast",
  "reshape",
  "transpose",
  "slice",
  "padZero",
  "reflectPad",
  "concat",
  "upsampleNearest",
];

/** Sums of products of inputs: rounding is in proportion to the same sums over the inputs' magnitudes. */
const SUMS: readonly OpName[] = [
  "reduceSum",
  "reduceMean",
  "reflectPadAdjoint",
  "matmul",
  "conv2d",
  "convTranspose2d",
  "convWeightGradient",
  "depthwiseConv2d",
  "depthwiseConvTranspose2d",
  "depthwiseConvWeightGradient",
];

function largestError(op: OpName, outputs: readonly Tensor[], feeds: Feeds, actual: Float32Array[]): number {
  const expected = interpret(outputs, feeds);
  const magnitudes = new Map([...feeds].map(([name, data]) => [name, data.map(Math.abs)]));
  const scales = SUMS.includes(op) ? interpret(outputs, magnitudes) : expected;
  let largest = 0;
  expected.forEach((values, k) => {
    expect(actual[k]).toHaveLength(values.length);
    // The standardised values of normalize are differences of numbers around 1.
    const floor = op === "normalize" ? 1 : 1e-12;
    values.forEach((value, i) => {
      const error = Math.abs(actual[k]![i]! - value) / (Math.abs(scales[k]![i]!) + floor);
      // Not Math.max alone: NaN must not get lost.
      if (!(error <= largest)) largest = error;
    });
  });
  return largest;
}

async function expectAgreement<K extends OpName>(op: K, use: OpCase<K>, seed: number): Promise<void> {
  const { inputs, outputs } = buildCase(op, use);
  const numbers = op === "greater" ? outputs.map((condition) => select(condition, 1, 0)) : outputs;
  const feeds = randomFeeds(inputs, seed, DOMAINS[op] ?? "any");
  const actual = await runOnnx(numbers, feeds);
  if (EXACT.includes(op)) {
    expect(actual).toEqual(interpret(numbers, feeds).map((values) => Float32Array.from(values)));
  } else {
    expect(largestError(op, numbers, feeds, actual)).toBeLessThan(2e-6);
  }
}

async function forAll<K extends OpName>(
  op: K,
  uses: fc.Arbitrary<OpCase<K>>,
  numRuns: number,
): Promise<void> {
  const property = fc.asyncProperty(uses, fc.nat(), (use, seed) => expectAgreement(op, use, seed));
  await fc.assert(property, { numRuns });
}

const small = opCases({ extent: 5, batch: 3, channels: 5, image: 9, kernel: 7 });

describe.each(Object.keys(OPS) as OpName[])("%s on ONNX Runtime", (op) => {
  it("is what the interpreter gives", async () => {
    await forAll(op, small[op] as fc.Arbitrary<OpCase<OpName>>, 30);
  });
});

it("normalize over axes of extent 1 keeps the others apart", async () => {
  const use = { attributes: { axes: [0, 2, 3], eps: 1e-5 }, shapes: [[1, 5, 1, 1]] };
  await expectAgreement("normalize", use, 1);
});

it.each([
  [1, 0],
  [1, 0.2],
  [1, -0.5],
  [3, 0.2],
])("a choice between the numbers %d and %d is exact", async (chosen, other) => {
  const graph = new Graph();
  const x = input(graph, "x", [5]);
  const numbers = [-2, -0, 0, 1e-30, 4];
  const [result] = await runOnnx(
    [select(greater(x, 0), chosen, other)],
    new Map([["x", Float64Array.from(numbers)]]),
  );
  expect(Array.from(result!)).toEqual(numbers.map((value) => Math.fround(value > 0 ? chosen : other)));
});

describe("convolutions of all sizes on ONNX Runtime", () => {
  const large = opCases({ extent: 1, batch: 3, channels: 40, image: 32, kernel: 7 });
  /** Most multiplications of a case, so that the interpreter takes no more than moments. */
  const MOST_PRODUCTS = 6e6;
  const products = (image: Shape, weight: Shape): number => (elements(image) * elements(weight)) / image[1]!;

  it("conv2d", async () => {
    const uses = large.conv2d.filter(({ shapes: [x, w] }) => products(x!, w!) < MOST_PRODUCTS);
    await forAll("conv2d", uses, 15);
  });

  it("convTranspose2d", async () => {
    const uses = large.convTranspose2d.filter(({ shapes: [y, w] }) => products(y!, w!) < MOST_PRODUCTS);
    await forAll("convTranspose2d", uses, 15);
  });

  it("convWeightGradient", async () => {
    const uses = large.convWeightGradient.filter(
      ({ attributes: { kernel }, shapes: [x, dy] }) =>
        products(x!, [dy![1]!, x![1]!, ...kernel]) < MOST_PRODUCTS,
    );
    await forAll("convWeightGradient", uses, 40);
  });

  // The layers of the networks, in small: each shape of problem has its own way to be computed fast.
  it.each([
    { layer: "first 7×7", x: [1, 3, 30, 30], outputs: 32, kernel: 7, stride: 1, padding: evenPadding(0) },
    { layer: "last 7×7", x: [1, 32, 30, 30], outputs: 3, kernel: 7, stride: 1, padding: evenPadding(0) },
    {
      layer: "last 7×7 of a batch",
      x: [3, 16, 18, 18],
      outputs: 3,
      kernel: 7,
      stride: 1,
      padding: evenPadding(0),
    },
    { layer: "ResNet block", x: [2, 40, 16, 16], outputs: 40, kernel: 3, stride: 1, padding: evenPadding(0) },
    { layer: "ResNet down", x: [2, 20, 16, 16], outputs: 40, kernel: 3, stride: 2, padding: evenPadding(1) },
    { layer: "U-Net down", x: [2, 20, 32, 32], outputs: 40, kernel: 4, stride: 2, padding: evenPadding(1) },
    { layer: "deepest U-Net", x: [3, 64, 2, 2], outputs: 64, kernel: 4, stride: 2, padding: evenPadding(1) },
    {
      layer: "PatchGAN penultimate",
      x: [1, 20, 9, 9],
      outputs: 40,
      kernel: 4,
      stride: 1,
      padding: evenPadding(1),
    },
    { layer: "PatchGAN last", x: [2, 40, 9, 9], outputs: 1, kernel: 4, stride: 1, padding: evenPadding(1) },
    { layer: "PixelGAN", x: [2, 6, 16, 16], outputs: 40, kernel: 1, stride: 1, padding: evenPadding(0) },
    {
      layer: "odd padding",
      x: [2, 24, 11, 14],
      outputs: 40,
      kernel: 4,
      stride: 2,
      padding: { top: 0, left: 1, bottom: 2, right: 0 },
    },
  ])("$layer", async ({ x, outputs, kernel, stride, padding }) => {
    const w = [outputs, x[1]!, kernel, kernel];
    const attributes = { stride, padding };
    const y = OPS.conv2d.shapes(attributes, [x, w])[0]!;
    await expectAgreement("conv2d", { attributes, shapes: [x, w, [outputs]] }, 1);
    const transposed = { ...attributes, outputSize: [x[2]!, x[3]!] as const };
    await expectAgreement("convTranspose2d", { attributes: transposed, shapes: [y, w, [x[1]!]] }, 2);
    const weight = { ...attributes, kernel: [kernel, kernel] as const };
    await expectAgreement("convWeightGradient", { attributes: weight, shapes: [x, y] }, 3);
  });
});

it.each([
  { layer: "separable block", x: [1, 40, 18, 18], stride: 1, padding: evenPadding(0) },
  { layer: "batch, padded", x: [3, 20, 11, 14], stride: 1, padding: evenPadding(1) },
  { layer: "stride 2", x: [2, 20, 12, 9], stride: 2, padding: { top: 0, left: 1, bottom: 2, right: 0 } },
])("depthwise convolutions on ONNX Runtime: $layer", async ({ x, stride, padding }) => {
  const [kernel, w] = [[3, 3] as const, [x[1]!, 1, 3, 3]];
  const attributes = { stride, padding };
  const y = OPS.depthwiseConv2d.shapes(attributes, [x, w])[0]!;
  await expectAgreement("depthwiseConv2d", { attributes, shapes: [x, w, [x[1]!]] }, 1);
  const transposed = { ...attributes, outputSize: [x[2]!, x[3]!] as const };
  await expectAgreement("depthwiseConvTranspose2d", { attributes: transposed, shapes: [y, w] }, 2);
  await expectAgreement(
    "depthwiseConvWeightGradient",
    { attributes: { ...attributes, kernel }, shapes: [x, y] },
    3,
  );
});

describe("extreme values on ONNX Runtime", () => {
  it.each(["tanh", "sigmoid", "softplus"] as const)("%s neither overflows nor turns to NaN", async (op) => {
    const { inputs, outputs } = buildCase(op, { attributes: {}, shapes: [[6]] });
    const feeds = new Map([[inputName(inputs[0]!), Float64Array.of(-1000, -90, -20, 20, 90, 1000)]]);
    const [actual] = await runOnnx(outputs, feeds);
    const [expected] = interpret(outputs, feeds);
    actual!.forEach((value, i) => {
      expect(Math.abs(value - expected![i]!)).toBeLessThan(1e-6);
    });
  });

  it("normalize stays accurate far from zero", async () => {
    const { inputs, outputs } = buildCase("normalize", {
      attributes: { axes: [2, 3], eps: 1e-5 },
      shapes: [[1, 2, 16, 16]],
    });
    const feeds = new Map(
      [...randomFeeds(inputs, 1, "any")].map(([name, data]) => [name, data.map((x) => Math.fround(100 + x))]),
    );
    const [actual] = await runOnnx(outputs, feeds);
    const [expected] = interpret(outputs, feeds);
    actual!.forEach((value, i) => {
      expect(Math.abs(value - expected![i]!)).toBeLessThan(2e-5);
    });
  });
});
