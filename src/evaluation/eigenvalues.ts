/**
 * The eigenvalues of a symmetric matrix: Householder reflections make it tridiagonal (Golub and Van Loan, "Matrix
 * Computations", 8.3.1), then each is found by bisection with Sturm counts (8.4.1), to the precision of 64-bit floats
 * relative to the largest.
 * @param matrix n × n, row by row; left as it is
 * @returns n values, ascending
 */
export function symmetricEigenvalues(matrix: Float64Array, n: number): Float64Array {
  const largest = matrix.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  if (largest === 0) return new Float64Array(n);
  const { diagonal, offDiagonal } = tridiagonal(
    matrix.map((x) => x / largest),
    n,
  );
  const squares = offDiagonal.map((e) => e * e);
  let bound = 0;
  for (let i = 0; i < n; i++) {
    const row = Math.abs(diagonal[i]!) + Math.abs(offDiagonal[i - 1] ?? 0) + Math.abs(offDiagonal[i] ?? 0);
    bound = Math.max(bound, row);
  }
  const smallest = Number.EPSILON * bound;
  const values = new Float64Array(n);
  for (let k = 0; k < n; k++) {
    // All lie within Gershgorin's circles; those before this one bound it from below.
    let low = k === 0 ? -bound : values[k - 1]! - smallest;
    let high = bound;
    while (high - low > smallest) {
      const middle = (low + high) / 2;
      if (middle <= low || middle >= high) break;
      if (countBelow(diagonal, squares, middle, smallest) > k) high = middle;
      else low = middle;
    }
    values[k] = (low + high) / 2;
  }
  // Equal ones may differ in their last bits.
  return values.sort().map((x) => x * largest);
}

/** A column of a matrix with elements up to 1 that is nothing but rounding; its square would underflow. */
const NEGLIGIBLE = 1e-60;

/** Reduces a symmetric matrix, which is overwritten, to a tridiagonal one with the same eigenvalues. */
function tridiagonal(a: Float64Array, n: number): { diagonal: Float64Array; offDiagonal: Float64Array } {
  const diagonal = new Float64Array(n);
  const offDiagonal = new Float64Array(Math.max(0, n - 1));
  const v = new Float64Array(n);
  const w = new Float64Array(n);
  for (let k = 0; k < n - 2; k++) {
    diagonal[k] = a[k * n + k]!;
    let norm = 0;
    for (let i = k + 1; i < n; i++) {
      v[i] = a[i * n + k]!;
      norm += v[i]! ** 2;
    }
    norm = Math.sqrt(norm);
    if (norm < NEGLIGIBLE) continue;
    const head = v[k + 1]!;
    const alpha = head > 0 ? -norm : norm;
    offDiagonal[k] = alpha;
    v[k + 1] = head - alpha;
    reflect(a, n, k + 1, v, w, 1 / (norm * (norm + Math.abs(head))));
  }
  for (let i = Math.max(0, n - 2); i < n; i++) diagonal[i] = a[i * n + i]!;
  if (n > 1) offDiagonal[n - 2] = a[(n - 1) * n + n - 2]!;
  return { diagonal, offDiagonal };
}

/** H·A·H for H = 1 − beta·v·vᵀ, on the block of `a` from row and column `start`. */
function reflect(
  a: Float64Array,
  n: number,
  start: number,
  v: Float64Array,
  w: Float64Array,
  beta: number,
): void {
  let overlap = 0;
  for (let i = start; i < n; i++) {
    let sum = 0;
    for (let j = start; j < n; j++) sum += a[i * n + j]! * v[j]!;
    w[i] = beta * sum;
    overlap += w[i]! * v[i]!;
  }
  const half = (beta * overlap) / 2;
  for (let i = start; i < n; i++) w[i]! -= half * v[i]!;
  for (let i = start; i < n; i++) {
    const vi = v[i]!;
    const wi = w[i]!;
    for (let j = start; j < n; j++) a[i * n + j]! -= vi * w[j]! + wi * v[j]!;
  }
}

/** How many eigenvalues of a tridiagonal matrix are below x: the negative pivots of its LDLᵀ with x subtracted. */
function countBelow(diagonal: Float64Array, squares: Float64Array, x: number, tiny: number): number {
  let count = 0;
  let pivot = 1;
  for (let i = 0; i < diagonal.length; i++) {
    const coupling = i === 0 ? 0 : squares[i - 1]! / pivot;
    pivot = diagonal[i]! - x - coupling;
    if (Math.abs(pivot) < Number.MIN_VALUE / Number.EPSILON) pivot = -tiny || -Number.MIN_VALUE;
    if (pivot < 0) count++;
  }
  return count;
}
