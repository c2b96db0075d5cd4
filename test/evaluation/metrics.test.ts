import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { l1, psnr, ssim } from "../../src/evaluation/metrics.js";
import { formatScores, MAX_PSNR, meanScores, scoreImage } from "../../src/evaluation/scores.js";
import type { FloatTensor } from "../../src/formats/tensor.js";

interface Case {
  shape: number[];
  a: number[];
  b: number[];
  l1: number;
  psnr: number;
  ssim_uniform: number;
  ssim_gaussian: number;
}

const cases: Case[] = JSON.parse(readFileSync(new URL("../fixtures/metrics.json", import.meta.url), "utf8"));

function image(shape: readonly number[], samples: readonly number[]): FloatTensor {
  return { shape, data: Float32Array.from(samples, (k) => k / 128 - 1) };
}

const images = fc
  .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 7, max: 12 }), fc.integer({ min: 7, max: 12 }))
  .chain(([c, h, w]) => {
    const samples = fc.array(fc.integer({ min: 0, max: 256 }), {
      minLength: c * h * w,
      maxLength: c * h * w,
    });
    return fc.tuple(samples, samples).map(([a, b]) => [image([c, h, w], a), image([c, h, w], b)] as const);
  });

describe("metrics against scikit-image", () => {
  it.each(cases)("agree on $shape", (expected) => {
    const a = image(expected.shape, expected.a);
    const b = image(expected.shape, expected.b);
    expect(l1(a, b)).toBeCloseTo(expected.l1, 12);
    expect(psnr(a, b)).toBeCloseTo(expected.psnr, 10);
    expect(ssim(a, b)).toBeCloseTo(expected.ssim_uniform, 10);
    expect(ssim(a, b, "gaussian")).toBeCloseTo(expected.ssim_gaussian, 10);
  });
});

describe("metrics", () => {
  it("are symmetric and within their ranges", () => {
    fc.assert(
      fc.property(images, ([a, b]) => {
        for (const measure of [l1, psnr, ssim]) expect(measure(a, b)).toBeCloseTo(measure(b, a), 12);
        expect(Math.abs(ssim(a, b))).toBeLessThanOrEqual(1);
        expect(l1(a, b)).toBeGreaterThanOrEqual(0);
        expect(l1(a, b)).toBeLessThanOrEqual(1);
      }),
      { numRuns: 50 },
    );
  });

  it("know equal images and opposite ones", () => {
    const black = image([3, 8, 8], new Array(192).fill(0));
    const white = image([3, 8, 8], new Array(192).fill(256));
    expect([l1(black, black), psnr(black, black), ssim(black, black)]).toEqual([
      0,
      Number.POSITIVE_INFINITY,
      1,
    ]);
    expect(l1(black, white)).toBe(1);
    expect(psnr(black, white)).toBeCloseTo(0, 12);
    expect(ssim(black, white)).toBeLessThan(1e-3);
  });

  it("refuse images of different or wrong shapes, and SSIM too small ones", () => {
    const a = image([1, 8, 8], new Array(64).fill(0));
    for (const measure of [l1, psnr, ssim]) {
      expect(() => measure(a, { ...a, shape: [1, 4, 16] })).toThrow(
        expect.objectContaining({ code: "E_SHAPE" }),
      );
      expect(() => measure({ ...a, shape: [64] }, { ...a, shape: [64] })).toThrow(/\[C, H, W\]/);
    }
    const small = image([1, 6, 9], new Array(54).fill(0));
    expect(() => ssim(small, small)).toThrow(expect.objectContaining({ code: "E_IMAGE_SIZE" }));
    expect(() => ssim(a, a, "gaussian")).toThrow(/11×11/);
  });
});

describe("scores", () => {
  it("average by image and keep equal images finite", () => {
    const [first] = cases;
    const a = image(first!.shape, first!.a);
    const b = image(first!.shape, first!.b);
    const equal = scoreImage(a, a);
    expect(equal).toEqual({ l1: 0, psnr: MAX_PSNR, ssim: 1 });
    const mean = meanScores([equal, scoreImage(a, b)]);
    expect(mean.psnr).toBeCloseTo((MAX_PSNR + first!.psnr) / 2, 10);
    expect(mean.l1).toBeCloseTo(first!.l1 / 2, 12);
    expect(mean.ssim).toBeCloseTo((1 + first!.ssim_uniform) / 2, 10);
  });

  it("print as an aligned table", () => {
    const text = formatScores(
      new Map([
        ["identity", { l1: 0.0628, psnr: 19.321, ssim: 0.81234 }],
        ["pix2pix", { l1: 0.05, psnr: 23, ssim: 0.9 }],
      ]),
    );
    expect(text.split("\n")).toEqual([
      "               L1  PSNR dB     SSIM",
      "identity   0.0628    19.32   0.8123",
      "pix2pix    0.0500    23.00   0.9000",
    ]);
  });
});
