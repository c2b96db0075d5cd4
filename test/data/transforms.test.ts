import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { convertChannels } from "../../src/data/channels.js";
import { type Image, imageToTensor } from "../../src/data/pixels.js";
import { resizeBicubic } from "../../src/data/resize.js";
import { makeDataset } from "../../src/data/samples.js";
import {
  cropImage,
  drawAugmentation,
  outputSize,
  scaledSize,
  type TransformOptions,
  transformImage,
} from "../../src/data/transforms.js";
import { PixcycleError } from "../../src/errors.js";
import type { FloatTensor } from "../../src/formats/tensor.js";
import { RandomStream } from "../../src/random/philox.js";
import { datasetOptions, noiseImage } from "./files.js";

const base: TransformOptions = {
  preprocess: "resize_and_crop",
  load_size: 20,
  crop_size: 16,
  no_flip: false,
};
const still = { x: 0, y: 0, flip: false };

/** The sample that a data set makes of an image, uncropped and unflipped. */
async function sampleOf(image: Image, input_nc: number): Promise<FloatTensor> {
  const options = { ...datasetOptions("x"), ...base, crop_size: 20, no_flip: true, input_nc };
  const files = { kind: "single", files: ["x"] } as const;
  return (await makeDataset(options, files, async () => image).sample(0, 0)).A;
}

describe("sizes", () => {
  it.each([
    // [preprocess, image, after resizing, sample]
    ["resize_and_crop", [31, 7], [20, 20], [16, 16]],
    ["crop", [31, 27], [31, 27], [16, 16]],
    ["scale_width", [40, 60], [20, 32], [20, 32]], // 30 rounds to 32: 7.5 quarters, to even
    ["scale_width", [40, 20], [20, 16], [20, 16]], // at least crop_size high
    ["scale_width_and_crop", [40, 75], [20, 37], [16, 16]],
    ["scale_width_and_crop", [20, 18], [20, 18], [16, 16]],
    ["none", [31, 30], [32, 32], [32, 32]],
    ["none", [10, 9], [8, 8], [8, 8]], // 2.5 quarters round to even
    ["none", [14, 16], [16, 16], [16, 16]],
  ] as const)("%s: %j", (preprocess, [width, height], scaled, sample) => {
    const options = { ...base, preprocess };
    expect(scaledSize(options, width, height)).toEqual(scaled);
    expect(outputSize(options, width, height, "x")).toEqual(sample);
    const image = noiseImage(width, height);
    const made = transformImage(image, options, still, "x");
    const expected = cropImage(resizeBicubic(image, scaled[0], scaled[1]), 0, 0, sample[0], sample[1]);
    expect(made).toEqual(expected);
  });

  it("refuses images too small for the crop, or for a multiple of four", () => {
    const small = () => outputSize({ ...base, preprocess: "crop" }, 15, 40, "small.png");
    expect(small).toThrow(PixcycleError);
    expect(small).toThrow("small.png is 15×40 where 16×16 is to be cropped.");
    expect(() => outputSize({ ...base, preprocess: "none" }, 1, 1, "dot.png")).toThrow(
      "dot.png is 1×1: too small",
    );
    expect(() => outputSize({ ...base, load_size: 8 }, 99, 99, "x.png")).toThrow("x.png is 8×8");
    expect(outputSize(base, 1, 1, "dot.png")).toEqual([16, 16]);
  });
});

describe("drawAugmentation", () => {
  it("stays inside, reaches every corner and flips half of the time", () => {
    const draw = new RandomStream(1, "augment");
    const counts = { left: 0, right: 0, top: 0, bottom: 0, flips: 0 };
    for (let i = 0; i < 2000; i++) {
      const { x, y, flip } = drawAugmentation(base, 50, 60, draw);
      expect(x >= 0 && x <= 4 && y >= 0 && y <= 4).toBe(true);
      counts.left += Number(x === 0);
      counts.right += Number(x === 4);
      counts.top += Number(y === 0);
      counts.bottom += Number(y === 4);
      counts.flips += Number(flip);
    }
    for (const corner of [counts.left, counts.right, counts.top, counts.bottom]) {
      expect(Math.abs(corner - 400)).toBeLessThan(5 * Math.sqrt(2000 * 0.2 * 0.8));
    }
    expect(Math.abs(counts.flips - 1000)).toBeLessThan(5 * Math.sqrt(500));
  });

  it("takes three draws whatever the options, and moves nothing where nothing is cropped", () => {
    for (const preprocess of ["none", "scale_width", "crop", "resize_and_crop"] as const) {
      const draw = new RandomStream(2, "augment");
      const { x, y, flip } = drawAugmentation({ ...base, preprocess, no_flip: true }, 64, 64, draw);
      expect(flip).toBe(false);
      if (preprocess === "none" || preprocess === "scale_width") expect([x, y]).toEqual([0, 0]);
      const same = new RandomStream(2, "augment");
      for (let i = 0; i < 3; i++) same.uint32();
      expect(draw.uint32()).toBe(same.uint32());
    }
  });
});

describe("transformImage", () => {
  it("crops where it was told and mirrors the crop", () => {
    const size = fc.integer({ min: 16, max: 24 });
    const offset = fc.integer({ min: 0, max: 8 });
    fc.assert(
      fc.property(size, size, offset, offset, fc.boolean(), fc.integer({ min: 1, max: 4 }), (...drawn) => {
        const [width, height, right, down, flip, channels] = drawn;
        const x = Math.min(right, width - 16);
        const y = Math.min(down, height - 16);
        const image = noiseImage(width, height, channels);
        const made = transformImage(image, { ...base, preprocess: "crop" }, { x, y, flip }, "x");
        expect([made.width, made.height]).toEqual([16, 16]);
        for (let row = 0; row < 16; row++) {
          for (let column = 0; column < 16; column++) {
            const from = ((y + row) * width + x + (flip ? 15 - column : column)) * channels;
            for (let c = 0; c < channels; c++) {
              expect(made.data[(row * 16 + column) * channels + c]).toBe(image.data[from + c]);
            }
          }
        }
      }),
      { numRuns: 30 },
    );
  });

  it("makes gray before it resizes, as the reference does", async () => {
    const image = noiseImage(30, 30);
    const gray = await sampleOf(image, 1);
    expect(gray.shape).toEqual([1, 20, 20]);
    const whole = { ...base, crop_size: 20 };
    const before = imageToTensor(transformImage(convertChannels(image, 1), whole, still, "x"));
    expect(gray.data).toEqual(before.data);
    const colour = imageToTensor(transformImage(image, whole, still, "x"), 1);
    expect(gray.data).not.toEqual(colour.data);
  });

  it("keeps sixteen bits", async () => {
    const deep = await sampleOf(noiseImage(30, 30, 1, 16), 1);
    const levels = new Set(Array.from(deep.data, (v) => Math.round(((v + 1) / 2) * 65535) % 257));
    expect(levels.size).toBeGreaterThan(100);
  });
});

interface TorchvisionCase {
  preprocess: TransformOptions["preprocess"];
  load_size: number;
  crop_size: number;
  size: [number, number];
  x: number;
  y: number;
  flip: boolean;
  channels: number;
  input: string;
  output: string;
}

const torchvisionCases: TorchvisionCase[] = JSON.parse(
  readFileSync(new URL("../fixtures/torchvision_transforms.json", import.meta.url), "utf8"),
);

describe("a converted, transformed image", () => {
  it.each(torchvisionCases)("equals torchvision: $preprocess, $channels channels, flip $flip", (test) => {
    const [width, height] = test.size;
    const data = Uint8Array.from(Buffer.from(test.input, "base64"));
    const options: TransformOptions = { ...base, ...test };
    const image = convertChannels({ width, height, channels: 3, depth: 8, data }, test.channels);
    const made = imageToTensor(transformImage(image, options, test, "x"));
    const expected = new Float32Array(Uint8Array.from(Buffer.from(test.output, "base64")).buffer);
    expect(made.data).toEqual(expected);
    expect(made.shape).toEqual([test.channels, ...outputSize(options, width, height, "x").toReversed()]);
  });
});
