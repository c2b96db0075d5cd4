import { type Shape, stridesOf } from "../shape.js";

/** Every sum of one number per axis, the last axis running fastest: where the elements of a view lie in memory. */
export function positions(axes: readonly (readonly number[])[]): Int32Array {
  let sums = Int32Array.of(0);
  for (const along of axes) {
    const extended = new Int32Array(sums.length * along.length);
    let next = 0;
    for (const sum of sums) for (const step of along) extended[next++] = sum + step;
    sums = extended;
  }
  return sums;
}

/** Positions of a view whose index i along an axis lies at `start + i · stride`. */
export function strided(shape: Shape, strides: readonly number[], starts?: readonly number[]): Int32Array {
  return positions(
    shape.map((extent, axis) =>
      Array.from({ length: extent }, (_, i) => (starts?.[axis] ?? 0) + i * strides[axis]!),
    ),
  );
}

/** For each element of `shape`, the position of the element of the smaller shape `from` that broadcasts to it. */
export function broadcastPositions(from: Shape, shape: Shape): Int32Array {
  const own = stridesOf(from);
  const extra = shape.length - from.length;
  const strides = shape.map((_, axis) => (axis < extra || from[axis - extra] === 1 ? 0 : own[axis - extra]!));
  return strided(shape, strides);
}

/** The elements at these positions. */
export function gather(data: Float64Array, at: Int32Array): Float64Array {
  const result = new Float64Array(at.length);
  for (let i = 0; i < at.length; i++) result[i] = data[at[i]!]!;
  return result;
}

/** Adds every element to the one of `target` at its position: the adjoint of `gather`. */
export function scatterAdd(target: Float64Array, at: Int32Array, data: Float64Array): Float64Array {
  for (let i = 0; i < at.length; i++) target[at[i]!]! += data[i]!;
  return target;
}
