/** A matrix in rows. */
export type Matrix = readonly (readonly number[])[];

/** The three matrices of a minimal filtering algorithm: y = outᵀ [(kernel · g) ⊙ (input · d)]. */
export interface FilterMatrices {
  /** [outputs, points]: from products to outputs. */
  readonly output: Matrix;
  /** [points, taps]: from the kernel to its values at the points. */
  readonly kernel: Matrix;
  /** [points, points]: from a window of the image to its values at the points. */
  readonly input: Matrix;
}

/**
 * Cook's and Toom's construction of F(outputs, taps), correlation in one dimension with outputs + taps − 1 products instead of
 * outputs · taps (Winograd, 1980; Lavin and Gray, 2016): polynomials are multiplied by their values at `points`, of which there are
 * outputs + taps − 2, and at infinity.
 */
export function cookToom(outputs: number, taps: number, points: readonly number[]): FilterMatrices {
  const atInfinity = points.length;
  const powers = (length: number): Matrix => points.map((p) => Array.from({ length }, (_, k) => p ** k));
  const unit = (length: number): number[] => Array.from({ length }, (_, i) => (i === length - 1 ? 1 : 0));
  const others = (j: number): number[] => points.filter((_, l) => l !== j);
  const scale = points.map((p, j) => others(j).reduce((product, q) => product * (p - q), 1));
  const columns = [...powers(outputs), unit(outputs)];
  return {
    output: Array.from({ length: outputs }, (_, i) => columns.map((column) => column[i]!)),
    kernel: [...powers(taps).map((row, j) => row.map((value) => value / scale[j]!)), unit(taps)],
    input: [
      ...points.map((_, j) => [...polynomial(others(j)), 0]),
      polynomial(points).slice(0, atInfinity + 1),
    ],
  };
}

/** Coefficients of Π (x − root), the constant one first. */
const polynomial = (roots: readonly number[]): number[] =>
  roots.reduce(
    (poly, root) =>
      Array.from({ length: poly.length + 1 }, (_, k) => (poly[k - 1] ?? 0) - root * (poly[k] ?? 0)),
    [1],
  );

/** The Kronecker product: applies a to rows and b to columns of a flattened image. */
export const kronecker = (a: Matrix, b: Matrix): Matrix =>
  a.flatMap((left) => b.map((right) => left.flatMap((x) => right.map((y) => x * y))));
