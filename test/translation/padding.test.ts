import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cropPadding, paddedSize, padImage } from "../../src/translation/padding.js";

const row = (...data: number[]) => ({ shape: [1, 1, data.length], data: Float32Array.from(data) });

describe("padding", () => {
  it("mirrors at the edges without repeating them, over and over", () => {
    const padded = (image: ReturnType<typeof row>, width: number) => [
      ...padImage(image, { width, height: 1 }).data,
    ];
    expect(padded(row(1, 2, 3, 4), 8)).toEqual([3, 2, 1, 2, 3, 4, 3, 2]);
    expect(padded(row(1, 2, 3), 8)).toEqual([3, 2, 1, 2, 3, 2, 1, 2]);
    expect(padded(row(1, 2), 8)).toEqual([2, 1, 2, 1, 2, 1, 2, 1]);
    expect(padded(row(7), 4)).toEqual([7, 7, 7, 7]);
    expect(padded(row(1, 2), 2)).toEqual([1, 2]);
  });

  it("does so along both axes, for every channel", () => {
    const image = { shape: [2, 2, 1], data: Float32Array.of(1, 2, 5, 6) };
    expect(padImage(image, { width: 2, height: 3 })).toEqual({
      shape: [2, 3, 2],
      data: Float32Array.of(1, 1, 2, 2, 1, 1, 5, 5, 6, 6, 5, 5),
    });
  });

  it("is undone by cropping, and shows only values of the image, whatever the sizes", () => {
    const side = fc.integer({ min: 1, max: 9 });
    fc.assert(
      fc.property(side, side, fc.nat(20), fc.nat(20), (width, height, right, below) => {
        const data = Float32Array.from({ length: 2 * width * height }, (_, i) => i);
        const image = { shape: [2, height, width], data };
        const padded = padImage(image, { width: width + right, height: height + below });
        expect(cropPadding(padded, { width, height })).toEqual(image);
        expect(new Set(padded.data)).toEqual(new Set(data));
      }),
    );
  });

  it("goes up to the divisor and the smallest size that the network takes", () => {
    const network = { divisor: 4, minimumSize: 8 };
    expect(paddedSize(network, { width: 1, height: 9 })).toEqual({ width: 8, height: 12 });
    expect(paddedSize(network, { width: 8, height: 12 })).toEqual({ width: 8, height: 12 });
    expect(paddedSize({ divisor: 1, minimumSize: 1 }, { width: 7, height: 5 })).toEqual({
      width: 7,
      height: 5,
    });
  });
});
