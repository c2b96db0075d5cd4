import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Image } from "../../src/data/pixels.js";
import { resizeBicubic, resizeNearest } from "../../src/data/resize.js";

interface ResizeCase {
  depth: 8 | 16;
  channels: number;
  from: [number, number];
  to: [number, number];
  input: string;
  output: string;
}

const cases: ResizeCase[] = JSON.parse(
  readFileSync(new URL("../fixtures/pil_resize.json", import.meta.url), "utf8"),
);

function samples(base64: string, depth: 8 | 16): Uint8Array | Uint16Array {
  const bytes = Uint8Array.from(Buffer.from(base64, "base64"));
  return depth === 8 ? bytes : new Uint16Array(bytes.buffer);
}

describe("resizeBicubic", () => {
  it("has PIL's answers to compare with", () => {
    expect(cases.length).toBe(48);
  });

  it.each(cases)("equals PIL: $depth bits, $channels channels, $from to $to", (test) => {
    const { depth, channels } = test;
    const image: Image = {
      width: test.from[0],
      height: test.from[1],
      channels,
      depth,
      data: samples(test.input, depth),
    };
    const resized = resizeBicubic(image, test.to[0], test.to[1]);
    expect([resized.width, resized.height]).toEqual(test.to);
    expect(Array.from(resized.data)).toEqual(Array.from(samples(test.output, depth)));
  });

  it("keeps constant images constant at any size", () => {
    const size = fc.integer({ min: 1, max: 40 });
    fc.assert(
      fc.property(size, size, size, size, fc.integer({ min: 0, max: 255 }), (w, h, width, height, value) => {
        const constant: Image = {
          width: w,
          height: h,
          channels: 1,
          depth: 8,
          data: new Uint8Array(w * h).fill(value),
        };
        const resized = resizeBicubic(constant, width, height);
        expect(resized.data.length).toBe(width * height);
        expect(new Set(resized.data)).toEqual(new Set([value]));
      }),
    );
  });
});

describe("resizeNearest", () => {
  const row = (...data: number[]): Image => ({
    ...{ width: data.length, height: 1, channels: 1, depth: 8, data: Uint8Array.from(data) },
  });
  const nearest = (image: Image, width: number) => [...resizeNearest(image, width, 1).data];

  it("takes the pixel under each centre, as TensorFlow does", () => {
    expect(nearest(row(1, 2, 3), 6)).toEqual([1, 1, 2, 2, 3, 3]);
    expect(nearest(row(1, 2, 3, 4, 5, 6), 3)).toEqual([2, 4, 6]);
    expect(nearest(row(1, 2, 3, 4, 5, 6, 7), 4)).toEqual([1, 3, 5, 7]);
    expect(nearest(row(1, 2, 3, 4), 5)).toEqual([1, 2, 3, 3, 4]);
  });

  it("makes no colour that was not there, of any depth and size", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(0xffff), { minLength: 6, maxLength: 6 }),
        fc.nat(40),
        fc.nat(40),
        (data, w, h) => {
          const image: Image = { width: 3, height: 2, channels: 1, depth: 16, data: Uint16Array.from(data) };
          const resized = resizeNearest(image, w + 1, h + 1);
          expect(resized).toMatchObject({ width: w + 1, height: h + 1, channels: 1, depth: 16 });
          expect(resized.data).toHaveLength((w + 1) * (h + 1));
          for (const value of resized.data) expect(data).toContain(value);
        },
      ),
    );
  });
});
