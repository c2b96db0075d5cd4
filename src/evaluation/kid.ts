import { PixcycleError } from "../errors.js";
import { RandomStream } from "../random/philox.js";

/** A kernel inception distance and how it was estimated. */
export interface KidResult {
  /** Mean of the unbiased estimates over the subsets; may fall below 0. */
  readonly mean: number;
  /** Standard deviation over the subsets; null where there is only one. */
  readonly deviation: number | null;
  readonly subsets: number;
  /** Images of each side in a subset. */
  readonly subsetSize: number;
}

const SUBSETS = 100;
const LARGEST_SUBSET = 1000;

/**
 * Kernel inception distance (Bińkowski et al. 2018, "Demystifying MMD GANs"): the unbiased estimate of the squared
 * maximum mean discrepancy with the kernel k(x, y) = (x·y / d + 1)³, averaged over 100 random subsets of at most 1000
 * images a side, drawn without repetition. Where no side has more than a subset's images, all are compared once.
 *
 * @param a features of each image, [d]
 * @throws PixcycleError E_DATA_EMPTY for fewer than two images on a side
 */
export function kid(a: readonly Float32Array[], b: readonly Float32Array[], seed = 0): KidResult {
  if (a.length < 2 || b.length < 2) {
    throw new PixcycleError(
      "E_DATA_EMPTY",
      `KID needs two images on each side, not ${a.length} and ${b.length}.`,
    );
  }
  const subsetSize = Math.min(LARGEST_SUBSET, Math.max(a.length, b.length));
  if (a.length <= subsetSize && b.length <= subsetSize) {
    return { mean: mmd2(a, b), deviation: null, subsets: 1, subsetSize };
  }
  const estimates = Array.from({ length: SUBSETS }, (_, i) =>
    mmd2(draw(a, subsetSize, seed, "a", i), draw(b, subsetSize, seed, "b", i)),
  );
  const mean = estimates.reduce((sum, x) => sum + x, 0) / SUBSETS;
  const deviation = Math.sqrt(estimates.reduce((sum, x) => sum + (x - mean) ** 2, 0) / SUBSETS);
  return { mean, deviation, subsets: SUBSETS, subsetSize };
}

function draw<T>(items: readonly T[], count: number, seed: number, side: string, subset: number): T[] {
  const stream = new RandomStream(seed, `kid ${side}`, subset);
  return stream.shuffle([...items]).slice(0, count);
}

/**
 * The unbiased estimate of MMD² with the cubic polynomial kernel (Gretton et al. 2012, lemma 6).
 * @param x at least two features of one length, [d]; `y` likewise
 */
export function mmd2(x: readonly Float32Array[], y: readonly Float32Array[]): number {
  let between = 0;
  for (const u of x) for (const v of y) between += kernel(u, v);
  return within(x) + within(y) - (2 * between) / (x.length * y.length);
}

/** The mean kernel of different images of one side. */
function within(x: readonly Float32Array[]): number {
  let total = 0;
  for (let i = 1; i < x.length; i++) for (let j = 0; j < i; j++) total += kernel(x[i]!, x[j]!);
  return (2 * total) / (x.length * (x.length - 1));
}

function kernel(u: Float32Array, v: Float32Array): number {
  let dot = 0;
  for (let i = 0; i < u.length; i++) dot += u[i]! * v[i]!;
  const base = dot / u.length + 1;
  return base * base * base;
}
