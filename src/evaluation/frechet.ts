import { PixcycleError } from "../errors.js";
import { symmetricEigenvalues } from "./eigenvalues.js";

/**
 * The Fréchet distance between two sets of features taken for normal distributions (Heusel et al. 2017): with means μ
 * and unbiased covariances Σ, |μ₁ − μ₂|² + tr Σ₁ + tr Σ₂ − 2 tr (Σ₁Σ₂)^½.
 *
 * With Σ₁ = AᵀA and Σ₂ = BᵀB, the eigenvalues of Σ₁Σ₂ that are not 0 are those of M·Mᵀ for M = A·Bᵀ, which is symmetric;
 * the last trace is the sum of their roots. Unlike an iterated matrix root it needs no correction where Σ is singular.
 *
 * @param a features of each image, [d]; at least two images a side
 * @throws PixcycleError E_DATA_EMPTY for fewer
 */
export function frechetDistance(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  if (a.length < 2 || b.length < 2) {
    throw new PixcycleError(
      "E_DATA_EMPTY",
      `A Fréchet distance needs two images on each side, not ${a.length} and ${b.length}.`,
    );
  }
  const first = centre(a);
  const second = centre(b);
  let means = 0;
  for (let i = 0; i < first.mean.length; i++) means += (first.mean[i]! - second.mean[i]!) ** 2;
  return means + first.trace + second.trace - 2 * traceOfRoot(rootOf(first), rootOf(second));
}

/** Rows of numbers, one after the other. */
interface Rows {
  readonly count: number;
  readonly length: number;
  readonly data: Float64Array;
}

interface Centred {
  readonly mean: Float64Array;
  /** One row an image, less the mean, over √(n − 1): rowsᵀ·rows is the covariance. */
  readonly rows: Rows;
  /** The trace of the covariance. */
  readonly trace: number;
}

function centre(features: readonly Float32Array[]): Centred {
  const length = features[0]!.length;
  const mean = new Float64Array(length);
  for (const feature of features) for (let i = 0; i < length; i++) mean[i]! += feature[i]! / features.length;
  const data = new Float64Array(features.length * length);
  const scale = 1 / Math.sqrt(features.length - 1);
  let trace = 0;
  for (const [row, feature] of features.entries()) {
    for (let i = 0; i < length; i++) {
      const value = (feature[i]! - mean[i]!) * scale;
      data[row * length + i] = value;
      trace += value * value;
    }
  }
  return { mean, rows: { count: features.length, length, data }, trace };
}

/** At most d rows with the same rowsᵀ·rows: with more images than features, its Cholesky factor. */
function rootOf({ rows }: Centred): Rows {
  if (rows.count <= rows.length) return rows;
  const d = rows.length;
  const transposed = new Float64Array(rows.data.length);
  for (let i = 0; i < rows.count; i++) {
    for (let j = 0; j < d; j++) transposed[j * rows.count + i] = rows.data[i * d + j]!;
  }
  const columns = { count: d, length: rows.count, data: transposed };
  return { count: d, length: d, data: choleskyUpper(products(columns, columns), d) };
}

/** The upper factor R of a positive semidefinite matrix RᵀR; a row whose pivot is rounding alone is 0. */
function choleskyUpper(matrix: Float64Array, n: number): Float64Array {
  const upper = matrix.slice();
  let largest = 0;
  for (let i = 0; i < n; i++) largest = Math.max(largest, matrix[i * n + i]!);
  const negligible = n * Number.EPSILON * largest;
  for (let k = 0; k < n; k++) {
    const pivot = upper[k * n + k]!;
    const scale = pivot > negligible ? 1 / Math.sqrt(pivot) : 0;
    for (let j = 0; j < n; j++) upper[k * n + j] = j < k ? 0 : upper[k * n + j]! * scale;
    for (let i = k + 1; i < n; i++) {
      const factor = upper[k * n + i]!;
      if (factor === 0) continue;
      for (let j = i; j < n; j++) upper[i * n + j]! -= factor * upper[k * n + j]!;
    }
  }
  return upper;
}

/** The sum of the singular values of a·bᵀ. */
function traceOfRoot(a: Rows, b: Rows): number {
  const [less, more] = a.count <= b.count ? [a, b] : [b, a];
  const cross = { count: less.count, length: more.count, data: products(less, more) };
  const values = symmetricEigenvalues(products(cross, cross), cross.count);
  const rounding = cross.count * Number.EPSILON * values.at(-1)!;
  return values.reduce((sum, value) => sum + (value > rounding ? Math.sqrt(value) : 0), 0);
}

/** a·bᵀ, row by row. */
function products(a: Rows, b: Rows): Float64Array {
  const out = new Float64Array(a.count * b.count);
  for (let i = 0; i < a.count; i++) {
    const row = a.data.subarray(i * a.length, (i + 1) * a.length);
    for (let j = a === b ? i : 0; j < b.count; j++) {
      const other = j * b.length;
      let sum = 0;
      for (let k = 0; k < row.length; k++) sum += row[k]! * b.data[other + k]!;
      out[i * b.count + j] = sum;
      if (a === b) out[j * b.count + i] = sum;
    }
  }
  return out;
}
