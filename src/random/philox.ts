const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;
const ROUNDS = 10;
const TWO_32 = 2 ** 32;

/** The high 32 bits of the 64-bit product of two uint32. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = (Math.imul(aHigh, bLow) >>> 0) + (Math.imul(aLow, bLow) >>> 16);
  const carry = (Math.imul(aLow, bHigh) >>> 0) + (middle & 0xffff);
  return Math.imul(aHigh, bHigh) + (middle >>> 16) + (carry >>> 16);
}

/** Encrypts `block` (four uint32) in place. */
function encrypt(block: Uint32Array, key0: number, key1: number): void {
  let c0 = block[0]!;
  let c1 = block[1]!;
  let c2 = block[2]!;
  let c3 = block[3]!;
  let k0 = key0;
  let k1 = key1;
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, c0);
    const low0 = Math.imul(MULTIPLIER_0, c0);
    const high1 = multiplyHigh(MULTIPLIER_1, c2);
    const low1 = Math.imul(MULTIPLIER_1, c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + WEYL_0) | 0;
    k1 = (k1 + WEYL_1) | 0;
  }
  block[0] = c0;
  block[1] = c1;
  block[2] = c2;
  block[3] = c3;
}

type Block = [number, number, number, number];

/**
 * Philox 4x32-10: a 128-bit counter and a 64-bit key (uint32 words, lowest first) to four random uint32.
 * Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).
 */
export function philox4x32(counter: Readonly<Block>, key: readonly [number, number]): Block {
  const block = Uint32Array.from(counter);
  encrypt(block, key[0] | 0, key[1] | 0);
  return [block[0]!, block[1]!, block[2]!, block[3]!];
}

/** FNV-1a over UTF-8: a 32-bit number for a stream's name. */
function hashName(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/**
 * Random numbers that (seed, stream, step) decide wholly, on every machine: nothing has to be saved to resume.
 * Streams with different names or steps are independent. `seed` and `step` are integers from 0 to 2^53 − 1;
 * a stream repeats itself after 2^34 numbers.
 */
export class RandomStream {
  private readonly key0: number;
  private readonly key1: number;
  private readonly streamHash: number;
  private readonly block = new Uint32Array(4);
  private blockIndex = 0;
  private used = 4;
  private spareNormal: number | undefined;

  constructor(
    seed: number,
    stream: string,
    private readonly step = 0,
  ) {
    if (!Number.isSafeInteger(seed) || seed < 0 || !Number.isSafeInteger(step) || step < 0) {
      throw new RangeError(`A random stream needs a seed and a step of 0 or more: got ${seed}, ${step}`);
    }
    this.key0 = seed | 0;
    this.key1 = Math.floor(seed / TWO_32);
    this.streamHash = hashName(stream);
  }

  /** Uniform in 0 … 2^32 − 1. */
  uint32(): number {
    if (this.used === 4) {
      this.nextBlock();
      this.used = 0;
    }
    return this.block[this.used++]!;
  }

  private nextBlock(): void {
    this.block[0] = this.blockIndex++;
    this.block[1] = this.step;
    this.block[2] = Math.floor(this.step / TWO_32);
    this.block[3] = this.streamHash;
    encrypt(this.block, this.key0, this.key1);
  }

  /** Uniform in [0, 1), a multiple of 2^−24, so that it is the same number as a 32-bit float. */
  uniform(): number {
    return (this.uint32() >>> 8) * 2 ** -24;
  }

  /** Uniform in 0 … n − 1 without bias; n from 1 to 2^32. */
  int(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > TWO_32)
      throw new RangeError(`int(n) needs 1 ≤ n ≤ 2^32: got ${n}`);
    const limit = TWO_32 - (TWO_32 % n);
    let draw = this.uint32();
    while (draw >= limit) draw = this.uint32();
    return draw % n;
  }

  /** Standard normal: Box and Muller, "A note on the generation of random normal deviates" (1958). */
  normal(): number {
    if (this.spareNormal !== undefined) {
      const spare = this.spareNormal;
      this.spareNormal = undefined;
      return spare;
    }
    const radius = radiusOf(this.uint32());
    const angle = angleOf(this.uint32());
    this.spareNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** Shuffles `items` in place (Fisher and Yates) and returns them. */
  shuffle<T>(items: T[]): T[] {
    for (let last = items.length - 1; last > 0; last--) {
      const other = this.int(last + 1);
      const moved = items[last]!;
      items[last] = items[other]!;
      items[other] = moved;
    }
    return items;
  }

  /** Fills with `uniform()`. */
  fillUniform(target: Float32Array): Float32Array {
    for (let i = 0; i < target.length; i++) target[i] = this.uniform();
    return target;
  }

  /** Fills with `normal()`. Weights are many: whole blocks go four numbers at a time, in half the time. */
  fillNormal(target: Float32Array): Float32Array {
    let i = 0;
    while (i < target.length && (this.used < 4 || this.spareNormal !== undefined))
      target[i++] = this.normal();
    for (; i + 4 <= target.length; i += 4) {
      this.nextBlock();
      for (let k = 0; k < 4; k += 2) {
        const radius = radiusOf(this.block[k]!);
        const angle = angleOf(this.block[k + 1]!);
        target[i + k] = radius * Math.cos(angle);
        target[i + k + 1] = radius * Math.sin(angle);
      }
    }
    for (; i < target.length; i++) target[i] = this.normal();
    return target;
  }
}

/** Box and Muller's radius from a uint32, which stands for a number in (0, 1], so that the logarithm is finite. */
const radiusOf = (draw: number): number => Math.sqrt(-2 * Math.log((draw + 1) / TWO_32));

const angleOf = (draw: number): number => (2 * Math.PI * draw) / TWO_32;
