import { PixcycleError } from "../errors.js";

/** A static shape: one non-negative integer per axis. A scalar is `[]`. */
export type Shape = readonly number[];

/** Number of elements. */
export function elements(shape: Shape): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((extent, axis) => extent === b[axis]);
}

export function showShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

/**
 * NumPy's broadcasting of several shapes: aligned at the last axis, extents equal or 1.
 * @throws PixcycleError `E_SHAPE` when two extents differ and neither is 1.
 */
export function broadcastShapes(...shapes: Shape[]): number[] {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  const result = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    shape.forEach((extent, i) => {
      const axis = rank - shape.length + i;
      const current = result[axis]!;
      if (extent === current || extent === 1) return;
      if (current !== 1) {
        throw new PixcycleError("E_SHAPE", `Shapes ${shapes.map(showShape).join(" and ")} do not broadcast.`);
      }
      result[axis] = extent;
    });
  }
  return result;
}

/** Row-major strides, in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * shape[axis + 1]!;
  return strides;
}
