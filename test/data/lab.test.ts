import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { colorizationCoding, colorizationSample } from "../../src/data/coding.js";
import { imageToLab, labToImage, labToRgb, lightnessToImage } from "../../src/data/lab.js";
import type { Image } from "../../src/data/pixels.js";
import { transformImage } from "../../src/data/transforms.js";
import { noiseImage } from "./files.js";

type Triple = [number, number, number];

interface Fixture {
  samples: { depth: 8 | 16; rgb: Triple[]; lab: Triple[] }[];
  colours: { lab: Triple[]; rgb: Triple[] };
  dataset: {
    width: number;
    height: number;
    input: string;
    load_size: number;
    crop_size: number;
    augmentation: { x: number; y: number; flip: boolean };
    A: string;
    B: string;
  };
}

const fixture: Fixture = JSON.parse(readFileSync(new URL("../fixtures/lab.json", import.meta.url), "utf8"));

/** Colours as an image one pixel high. */
function row(colours: readonly Triple[], depth: 8 | 16): Image {
  const data = depth === 8 ? Uint8Array.from(colours.flat()) : Uint16Array.from(colours.flat());
  return { width: colours.length, height: 1, channels: 3, depth, data };
}

function grayRow(depth: 8 | 16, values: readonly number[]): Image {
  return row(
    values.map((v) => [v, v, v] as Triple),
    depth,
  );
}

const largest = (differences: Iterable<number>): number => Math.max(...Array.from(differences, Math.abs));

describe("imageToLab", () => {
  it.each(fixture.samples)("equals scikit-image's rgb2lab, $depth bits", ({ depth, rgb, lab }) => {
    const { shape, data } = imageToLab(row(rgb, depth));
    expect(shape).toEqual([3, 1, rgb.length]);
    // Half a unit of the last place of 32 bits at 100 is 4e-6.
    const differences = lab.flatMap((triple, i) =>
      triple.map((value, c) => data[c * rgb.length + i]! - value),
    );
    expect(largest(differences)).toBeLessThan(5e-6);
  });
});

describe("labToRgb", () => {
  it("equals scikit-image's lab2rgb, cut off where sRGB has no such colour", () => {
    const { lab, rgb } = fixture.colours;
    const differences = lab.flatMap(([L, a, b], i) => labToRgb(L, a, b).map((v, c) => v - rgb[i]![c]!));
    expect(largest(differences)).toBeLessThan(1e-12);
    const cut = rgb.filter((triple) => triple.some((v) => v === 0 || v === 1));
    expect(cut.length).toBeGreaterThan(6);
  });
});

describe("labToImage", () => {
  it("gives every image back", () => {
    const image = noiseImage(40, 30);
    expect(labToImage(imageToLab(image), 8)).toEqual(image);
    const deep = noiseImage(40, 30, 3, 16);
    const { data } = labToImage(imageToLab(deep), 16);
    // 32 bits of L, a, b resolve the darkest blues to a few of 65536 levels.
    expect(largest(deep.data.map((v, i) => Math.abs(v - data[i]!)))).toBeLessThanOrEqual(4);
  });

  it("keeps lightness and hue of colours that sRGB does not have", () => {
    for (const [L, a, b] of fixture.colours.lab) {
      const lab = { shape: [3, 1, 1], data: Float32Array.of(L, a, b) };
      const made = imageToLab(labToImage(lab, 16)).data;
      expect(Math.abs(made[0]! - L), `L of ${[L, a, b]}`).toBeLessThan(0.01);
      const [wanted, got] = [Math.hypot(a, b), Math.hypot(made[1]!, made[2]!)];
      expect(got).toBeLessThan(wanted + 0.1);
      // Next to black and white no hue is left.
      if (got > 3) expect((made[1]! * a + made[2]! * b) / (got * wanted)).toBeGreaterThan(0.9999);
    }
    const bright = labToRgb(95, 80, 60);
    const [cutOff] = imageToLab(row([bright.map((v) => Math.round(v * 255)) as Triple], 8)).data;
    // What cutting off would have done.
    expect(cutOff).toBeLessThan(85);
  });
});

describe("lightnessToImage", () => {
  it("is the gray image itself, of every level", () => {
    const check = (depth: 8 | 16, values: readonly number[]) => {
      const { data } = imageToLab(grayRow(depth, values));
      const gray = lightnessToImage({ shape: [1, values.length], data: data.slice(0, values.length) }, depth);
      expect(gray).toMatchObject({ width: values.length, height: 1, channels: 1, depth });
      expect([...gray.data]).toEqual(values);
    };
    check(
      8,
      Array.from({ length: 256 }, (_, v) => v),
    );
    check(
      16,
      Array.from({ length: 65536 }, (_, v) => v),
    );
  });
});

describe("colorization", () => {
  it("makes the sample that the reference's data set makes", () => {
    const { width, height, input, augmentation, ...sizes } = fixture.dataset;
    const image: Image = {
      ...{ width, height, channels: 3, depth: 8 },
      data: Uint8Array.from(Buffer.from(input, "base64")),
    };
    const options = { preprocess: "resize_and_crop", no_flip: false, ...sizes } as const;
    const { A, B } = colorizationSample(transformImage(image, options, augmentation, "x"));
    expect([A.shape, B.shape]).toEqual([
      [1, 8, 8],
      [2, 8, 8],
    ]);
    for (const [made, expected] of [
      [A.data, fixture.dataset.A] as const,
      [B.data, fixture.dataset.B] as const,
    ]) {
      const reference = new Float32Array(Uint8Array.from(Buffer.from(expected, "base64")).buffer);
      expect(made.length).toBe(reference.length);
      // One unit of the last place of 32 bits: the sums of the matrix may be in another order.
      expect(largest(made.map((value, i) => value - reference[i]!))).toBeLessThan(1.3e-7);
      expect(largest(reference)).toBeGreaterThan(0.4);
    }
  });

  it.each([8, 16] as const)("shows and colours with the input's own lightness, %i bits", (depth) => {
    const image = noiseImage(24, 20, 3, depth);
    const input = colorizationCoding.encode(image);
    const lightness = (shown: Image) => imageToLab(shown).data.slice(0, 480);
    const expected = lightness(image);
    const noise = noiseImage(24, 20, 2, 16, "colours");
    const wild = Float32Array.from(noise.data, (v) => (v / 65535) * 2 - 1);
    // Half a level of 8 bits in every channel is up to 0.259 of L (a scan over all colours).
    const tolerance = depth === 8 ? 0.26 : 0.005;
    for (const made of [
      colorizationCoding.show(input, depth),
      colorizationCoding.decode({ shape: [2, 20, 24], data: wild }, input, depth),
    ]) {
      expect(made).toMatchObject({ width: 24, height: 20, channels: 3, depth });
      expect(largest(lightness(made).map((L, i) => L - expected[i]!))).toBeLessThan(tolerance);
    }
    const { A, B } = colorizationSample(image);
    const back = colorizationCoding.decode(B, A, depth);
    expect(largest(back.data.map((v, i) => Math.abs(v - image.data[i]!)))).toBeLessThanOrEqual(
      depth === 8 ? 0 : 4,
    );
  });
});
