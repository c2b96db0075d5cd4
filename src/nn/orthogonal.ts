import type { Shape } from "../graph/shape.js";
import type { RandomStream } from "../random/philox.js";

/**
 * `torch.nn.init.orthogonal_`: the weight, flattened to [shape[0], rest], has orthonormal rows (or columns, where there
 * are fewer of them), times the gain (Saxe et al., 2013). Gram–Schmidt with a second pass, on normal draws.
 */
export function orthogonal(shape: Shape, gain: number, random: RandomStream): Float32Array<ArrayBuffer> {
  const rows = shape[0]!;
  const columns = shape.slice(1).reduce((product, extent) => product * extent, 1);
  const vectors = orthonormalVectors(Math.min(rows, columns), Math.max(rows, columns), random);
  const values = new Float32Array(rows * columns);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++)
      values[r * columns + c] = gain * (rows <= columns ? vectors[r]![c]! : vectors[c]![r]!);
  }
  return values;
}

function orthonormalVectors(count: number, length: number, random: RandomStream): Float64Array[] {
  const vectors: Float64Array[] = [];
  for (let i = 0; i < count; i++) {
    const vector = Float64Array.from({ length }, () => random.normal());
    // Rounding leaves some of the earlier vectors in; the second pass removes it.
    for (let pass = 0; pass < 2; pass++) {
      for (const other of vectors) subtractProjection(vector, other);
      const norm = Math.sqrt(dot(vector, vector));
      for (let k = 0; k < length; k++) vector[k] = vector[k]! / norm;
    }
    vectors.push(vector);
  }
  return vectors;
}

function subtractProjection(vector: Float64Array, unit: Float64Array): void {
  const amount = dot(vector, unit);
  for (let k = 0; k < vector.length; k++) vector[k] = vector[k]! - amount * unit[k]!;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += a[k]! * b[k]!;
  return sum;
}
