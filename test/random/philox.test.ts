import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { philox4x32, RandomStream } from "../../src/random/philox.js";

describe("philox4x32", () => {
  // The known answers that Random123 publishes for philox4x32 with 10 rounds.
  it.each([
    {
      counter: [0, 0, 0, 0],
      key: [0, 0],
      answer: [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    },
    {
      counter: [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      key: [0xffffffff, 0xffffffff],
      answer: [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    },
    {
      counter: [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      key: [0xa4093822, 0x299f31d0],
      answer: [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    },
  ])("answers $answer", ({ counter, key, answer }) => {
    const [c0, c1, c2, c3] = counter as [number, number, number, number];
    expect(philox4x32([c0, c1, c2, c3], [key[0]!, key[1]!])).toEqual(answer);
  });

  it("agrees with the same cipher in big integers", () => {
    const uint32 = fc.integer({ min: 0, max: 0xffffffff });
    fc.assert(
      fc.property(fc.tuple(uint32, uint32, uint32, uint32), fc.tuple(uint32, uint32), (counter, key) => {
        let words = counter.map(BigInt);
        let [k0, k1] = key.map(BigInt) as [bigint, bigint];
        for (let round = 0; round < 10; round++) {
          const p0 = 0xd2511f53n * words[0]!;
          const p1 = 0xcd9e8d57n * words[2]!;
          const low = 0xffffffffn;
          words = [(p1 >> 32n) ^ words[1]! ^ k0, p1 & low, (p0 >> 32n) ^ words[3]! ^ k1, p0 & low];
          k0 = (k0 + 0x9e3779b9n) & low;
          k1 = (k1 + 0xbb67ae85n) & low;
        }
        expect(philox4x32(counter, key)).toEqual(words.map(Number));
      }),
    );
  });
});

describe("RandomStream", () => {
  const take = (stream: RandomStream, count: number) => Array.from({ length: count }, () => stream.uint32());

  it("is philox over (block, step, stream), keyed by the seed", () => {
    const seed = 5 * 2 ** 32 + 7;
    const step = 3 * 2 ** 32 + 11;
    const drawn = take(new RandomStream(seed, "a", step), 8);
    // FNV-1a of "a" is 0xe40c292c.
    const expected = [0, 1].flatMap((block) => philox4x32([block, 11, 3, 0xe40c292c], [7, 5]));
    expect(drawn).toEqual(expected);
  });

  it("gives different numbers for another seed, name or step, and the same for the same", () => {
    const first = take(new RandomStream(1, "shuffle", 2), 6);
    expect(take(new RandomStream(1, "shuffle", 2), 6)).toEqual(first);
    for (const other of [
      new RandomStream(2, "shuffle", 2),
      new RandomStream(1, "augment", 2),
      new RandomStream(1, "shuffle", 3),
      new RandomStream(1 + 2 ** 32, "shuffle", 2),
    ]) {
      expect(take(other, 6).filter((value, i) => value === first[i])).toEqual([]);
    }
  });

  it("refuses seeds and steps that are not natural numbers", () => {
    expect(() => new RandomStream(-1, "x")).toThrow(RangeError);
    expect(() => new RandomStream(0.5, "x")).toThrow(RangeError);
    expect(() => new RandomStream(1, "x", -1)).toThrow(RangeError);
  });

  it("fills like the single draws, in [0, 1)", () => {
    const filled = new RandomStream(3, "u").fillUniform(new Float32Array(5000));
    const single = new RandomStream(3, "u");
    for (const value of filled) expect(value).toBe(single.uniform());
    expect(Math.min(...filled)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...filled)).toBeLessThan(1);
    const normals = new RandomStream(3, "n").fillNormal(new Float32Array(7));
    const singleNormals = new RandomStream(3, "n");
    for (const value of normals) expect(value).toBe(Math.fround(singleNormals.normal()));
  });

  it("draws integers uniformly (chi-square, 6 degrees of freedom, p > 0.001)", () => {
    const counts = new Array<number>(7).fill(0);
    const stream = new RandomStream(4, "int");
    for (let i = 0; i < 70_000; i++) counts[stream.int(7)]!++;
    const chiSquare = counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0);
    expect(chiSquare).toBeLessThan(22.46);
    expect(stream.int(1)).toBe(0);
    expect(stream.int(2 ** 32)).toBeLessThan(2 ** 32);
    expect(() => stream.int(0)).toThrow(RangeError);
  });

  it("fills with normals like the single draws, from any place of a stream", () => {
    const count = fc.integer({ min: 0, max: 9 });
    fc.assert(
      fc.property(count, count, fc.array(count, { maxLength: 4 }), (integers, normals, lengths) => {
        const [single, filled] = [new RandomStream(3, "n"), new RandomStream(3, "n")];
        for (const stream of [single, filled]) {
          for (let i = 0; i < integers; i++) stream.uint32();
          for (let i = 0; i < normals; i++) stream.normal();
        }
        for (const length of lengths) {
          const expected = Float32Array.from({ length }, () => single.normal());
          expect(filled.fillNormal(new Float32Array(length))).toEqual(expected);
        }
        expect(filled.uint32()).toBe(single.uint32());
      }),
    );
  });

  it("draws standard normals: moments of 200,000 within five standard errors", () => {
    const values = new RandomStream(5, "normal").fillNormal(new Float32Array(200_000));
    const moment = (power: number) => values.reduce((sum, x) => sum + x ** power, 0) / values.length;
    const standardError = Math.sqrt(1 / values.length);
    expect(Math.abs(moment(1))).toBeLessThan(5 * standardError);
    expect(Math.abs(moment(2) - 1)).toBeLessThan(5 * Math.sqrt(2) * standardError);
    expect(Math.abs(moment(3))).toBeLessThan(5 * Math.sqrt(15) * standardError);
    expect(Math.abs(moment(4) - 3)).toBeLessThan(5 * Math.sqrt(96) * standardError);
  });

  it("shuffles into a permutation, every order equally often", () => {
    const orders = new Map<string, number>();
    const stream = new RandomStream(6, "shuffle");
    for (let i = 0; i < 24_000; i++) {
      const order = stream.shuffle(["a", "b", "c", "d"]).join("");
      orders.set(order, (orders.get(order) ?? 0) + 1);
    }
    expect(orders.size).toBe(24);
    for (const count of orders.values()) expect(Math.abs(count - 1000)).toBeLessThan(5 * Math.sqrt(1000));
  });
});
