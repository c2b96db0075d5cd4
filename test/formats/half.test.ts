import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { floatToHalf, toHalves } from "../../src/formats/half.js";
import { toFloatTensor } from "../../src/formats/weights.js";

const ALL = Uint16Array.from({ length: 65536 }, (_, bits) => bits);
const VALUES = toFloatTensor({ dtype: "F16", shape: [65536], data: ALL }).data;
const LARGEST = 0x7bff;

describe("float16", () => {
  it("keeps every one of its numbers", () => {
    const wrong = toHalves(VALUES).filter((back, bits) =>
      Number.isNaN(VALUES[bits]) ? (back & 0x7fff) <= 0x7c00 : back !== bits,
    );
    expect(wrong).toHaveLength(0);
  });

  it("rounds to the nearest, and from the middle to the even one", () => {
    const wrong: number[] = [];
    for (let bits = 0; bits < LARGEST; bits++) {
      const gap = VALUES[bits + 1]! - VALUES[bits]!;
      const middle = VALUES[bits]! + gap / 2;
      const expected = [bits, bits + (bits % 2), bits + 1];
      for (const [i, value] of [middle - gap / 512, middle, middle + gap / 512].entries()) {
        if (floatToHalf(value) !== expected[i] || floatToHalf(-value) !== expected[i]! + 0x8000)
          wrong.push(bits);
      }
    }
    expect(wrong).toEqual([]);
  });

  it("is infinite from 65520 on", () => {
    expect([65504, 65519.99, 65520, 1e5, 3e38, Number.POSITIVE_INFINITY].map(floatToHalf)).toEqual([
      ...[LARGEST, LARGEST, 0x7c00, 0x7c00, 0x7c00, 0x7c00],
    ]);
  });

  it("is never farther than half a step", () => {
    fc.assert(
      fc.property(fc.float({ min: -65504, max: 65504, noNaN: true }), (value) => {
        const bits = floatToHalf(value);
        const step = Math.max(2 ** -24, 2 ** (Math.floor(Math.log2(Math.abs(value))) - 10));
        expect(Math.abs(VALUES[bits]! - value)).toBeLessThanOrEqual(step / 2);
      }),
    );
  });
});
