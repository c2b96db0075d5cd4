import { describe, expect, it } from "vitest";
import { fitColourRegression, type ImagePair, identityBaseline } from "../../src/evaluation/baselines.js";
import type { FloatTensor } from "../../src/formats/tensor.js";
import { RandomStream } from "../../src/random/philox.js";

const PLANE = 12 * 10;

function randomImage(channels: number, name: string): FloatTensor {
  const data = new Float32Array(channels * PLANE);
  new RandomStream(3, name).fillUniform(data);
  return { shape: [channels, 12, 10], data: data.map((v) => 2 * v - 1) };
}

/** Applies a function of the pixel's channels to every pixel. */
function mapPixels(input: FloatTensor, map: (pixel: number[]) => number[]): FloatTensor {
  const channels = input.shape[0]!;
  const pixels = Array.from({ length: PLANE }, (_, p) =>
    map(Array.from({ length: channels }, (_, c) => input.data[c * PLANE + p]!)),
  );
  const outputChannels = pixels[0]!.length;
  const data = Float32Array.from(
    { length: outputChannels * PLANE },
    (_, i) => pixels[i % PLANE]![Math.floor(i / PLANE)]!,
  );
  return { shape: [outputChannels, 12, 10], data };
}

function largestDifference(a: FloatTensor, b: FloatTensor): number {
  expect(a.shape).toEqual(b.shape);
  return Math.max(...a.data.map((v, i) => Math.abs(v - b.data[i]!)));
}

const affine = ([r = 0, g = 0, b = 0]: number[]) => [0.5 * r - 0.2 * g + 0.1, 0.3 * b - 0.4];
const quadratic = ([r = 0, g = 0, b = 0]: number[]) => [
  0.3 * r * g - 0.2 * b * b + 0.1 * r,
  0.4 * g * b - 0.1,
];

function pairsOf(map: (pixel: number[]) => number[]): ImagePair[] {
  return ["first", "second"].map((name) => {
    const input = randomImage(3, name);
    return { input, output: mapPixels(input, map) };
  });
}

describe("colour regression", () => {
  it("recovers an affine map with degree 1, on unseen pixels", async () => {
    const baseline = await fitColourRegression(pairsOf(affine), 1);
    const unseen = randomImage(3, "unseen");
    expect(largestDifference(baseline.translate(unseen), mapPixels(unseen, affine))).toBeLessThan(1e-6);
  });

  it("recovers a quadratic map with degree 2, which degree 1 cannot", async () => {
    const unseen = randomImage(3, "unseen");
    const truth = mapPixels(unseen, quadratic);
    const second = await fitColourRegression(pairsOf(quadratic));
    expect(largestDifference(second.translate(unseen), truth)).toBeLessThan(1e-6);
    const first = await fitColourRegression(pairsOf(quadratic), 1);
    expect(largestDifference(first.translate(unseen), truth)).toBeGreaterThan(0.05);
  });

  it("is the least-squares optimum: residuals are orthogonal to the features", async () => {
    const input = randomImage(1, "x");
    const output = mapPixels(randomImage(1, "noise"), ([v = 0]) => [v / 4]);
    const fitted = (await fitColourRegression([{ input, output }], 1)).translate(input);
    const residual = Array.from(output.data, (v, i) => v - fitted.data[i]!);
    expect(Math.abs(residual.reduce((s, r) => s + r, 0))).toBeLessThan(1e-4);
    expect(Math.abs(residual.reduce((s, r, i) => s + r * input.data[i]!, 0))).toBeLessThan(1e-4);
  });

  it("stays finite and right on gray images stored as RGB, and clamps", async () => {
    const gray = mapPixels(randomImage(1, "gray"), ([v = 0]) => [v, v, v]);
    const output = mapPixels(gray, ([v = 0]) => [0.5 - 0.4 * v, 0.2 * v * v]);
    const baseline = await fitColourRegression([{ input: gray, output }]);
    expect(largestDifference(baseline.translate(gray), output)).toBeLessThan(1e-6);
    const bright = mapPixels(gray, () => [4, 4, 4]);
    const extreme = baseline.translate(bright).data;
    expect([Math.min(...extreme), Math.max(...extreme)]).toEqual([-1, 1]);
  });

  it("takes pairs as a stream and refuses none, or unequal ones", async () => {
    const [pair] = pairsOf(affine);
    async function* stream() {
      yield pair!;
    }
    expect((await fitColourRegression(stream())).translate(pair!.input).shape).toEqual([2, 12, 10]);
    await expect(fitColourRegression([])).rejects.toMatchObject({ code: "E_DATA_EMPTY" });
    const other = { shape: [2, 10, 12], data: pair!.output.data };
    await expect(fitColourRegression([{ input: pair!.input, output: other }])).rejects.toMatchObject({
      code: "E_SHAPE",
    });
    const baseline = await fitColourRegression([pair!]);
    expect(() => baseline.translate(randomImage(1, "gray"))).toThrow(
      expect.objectContaining({ code: "E_SHAPE" }),
    );
  });
});

describe("identity", () => {
  it("returns its input", () => {
    const input = randomImage(3, "any");
    expect(identityBaseline.translate(input)).toBe(input);
  });
});
