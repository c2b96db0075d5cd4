import type { OpAttributes, Padding2d } from "../graph/ops.js";
import { elements, type Shape } from "../graph/shape.js";
import type { OnnxEmitter } from "./emitter.js";

/** Lowerings of padding, slicing and normalisation. */

const imageAxes = (rank: number, height: number, width: number): number[] => [
  ...new Array<number>(rank - 2).fill(0),
  height,
  width,
];

export function lowerReflectPad(e: OnnxEmitter, x: string, p: Padding2d, rank: number): string {
  return e.pad(x, imageAxes(rank, p.top, p.left), imageAxes(rank, p.bottom, p.right), "reflect");
}

/** Folds the mirrored borders back, one axis after the other. */
export function lowerReflectPadAdjoint(e: OnnxEmitter, dy: string, p: Padding2d, shape: Shape): string {
  const rank = shape.length;
  const rows = foldAxis(e, dy, rank - 2, shape[rank - 2]!, p.top, p.bottom, rank);
  return foldAxis(e, rows, rank - 1, shape[rank - 1]!, p.left, p.right, rank);
}

/**
 * With the axis' padded extent: inner + mirror(before) on 1 … before + mirror(after) ending at the last but one.
 * The border parts are small, so they are added to the slices that they touch and the rest is only copied.
 */
function foldAxis(
  e: OnnxEmitter,
  x: string,
  axis: number,
  padded: number,
  before: number,
  after: number,
  rank: number,
): string {
  const extent = padded - before - after;
  const inner = (start: number, end: number): string => e.slice(x, axis, before + start, before + end);
  const atFront = (): string => e.reverse(e.slice(x, axis, 0, before), axis);
  const atBack = (): string => e.reverse(e.slice(x, axis, before + extent, padded), axis);
  if (before + after + 2 <= extent) {
    const parts = [inner(0, 1)];
    if (before > 0) parts.push(e.one("Add", [inner(1, 1 + before), atFront()]));
    parts.push(inner(1 + before, extent - 1 - after));
    if (after > 0) parts.push(e.one("Add", [inner(extent - 1 - after, extent - 1), atBack()]));
    parts.push(inner(extent - 1, extent));
    const nonEmpty = parts.filter((_, i) => !(before + after + 2 === extent && i === (before > 0 ? 2 : 1)));
    return e.concat(nonEmpty, axis);
  }
  const along = (n: number): number[] => Array.from({ length: rank }, (_, i) => (i === axis ? n : 0));
  const placed: string[] = [inner(0, extent)];
  if (before > 0) placed.push(e.pad(atFront(), along(1), along(extent - 1 - before)));
  if (after > 0) placed.push(e.pad(atBack(), along(extent - 1 - after), along(1)));
  return placed.reduce((a, b) => e.one("Add", [a, b]));
}

export function lowerSlice(
  e: OnnxEmitter,
  x: string,
  { starts, ends, steps }: OpAttributes["slice"],
  shape: Shape,
): string {
  const axes = shape.flatMap((extent, axis) =>
    starts[axis] === 0 && ends[axis] === extent && steps[axis] === 1 ? [] : [axis],
  );
  if (axes.length === 0) return x;
  const pick = (values: readonly number[]): string => e.ints(axes.map((axis) => values[axis]!));
  return e.one("Slice", [x, pick(starts), pick(ends), e.ints(axes), pick(steps)]);
}

/** Zeros between elements: each element becomes a cell of `step`, padded, and the last cell is cut to one. */
export function lowerPadZero(
  e: OnnxEmitter,
  x: string,
  { before, after, steps }: OpAttributes["padZero"],
  shape: Shape,
): string {
  let spread = x;
  let extents = [...shape];
  steps.forEach((step, axis) => {
    if (step === 1) return;
    const cells = e.reshape(spread, [...extents.slice(0, axis + 1), 1, ...extents.slice(axis + 1)]);
    const last = extents.map((_, i) => (i === axis ? step - 1 : 0));
    const widened = e.pad(cells, new Array<number>(extents.length + 1).fill(0), [0, ...last]);
    extents = extents.map((extent, i) => (i === axis ? extent * step : extent));
    spread = e.reshape(widened, extents);
  });
  // The cells' zeros after the last element count as padding already.
  return e.pad(
    spread,
    before,
    after.map((n, axis) => n - (steps[axis]! - 1)),
  );
}

export function lowerUpsampleNearest(e: OnnxEmitter, x: string, scale: number, rank: number): string {
  const scales = Float32Array.from({ length: rank }, (_, axis) => (axis >= rank - 2 ? scale : 1));
  return e.one("Resize", [x, "", e.floats(scales, [rank])], {
    mode: "nearest",
    coordinate_transformation_mode: "asymmetric",
    nearest_mode: "floor",
  });
}

/** The axes that a reduction sums over; those of extent 1 only slow it down, but no axes at all would mean all of them. */
export function reducedAxes(e: OnnxEmitter, axes: readonly number[], shape: Shape): string {
  const long = axes.filter((axis) => shape[axis] !== 1);
  return e.ints(long.length > 0 ? long : axes);
}

/** Whether a normalisation is over the trailing axes, as instance norm is and batch norm is not. */
export function isOverRows({ axes }: OpAttributes["normalize"], shape: Shape): boolean {
  const over = axes.filter((axis) => shape[axis] !== 1);
  const leading = shape.length - over.length;
  return over.length > 0 && over.every((axis, i) => axis === leading + i);
}

/**
 * y, mean and rstd of `normalize`. Trailing axes are one LayerNormalization over rows; others take the mean and the
 * variance in two passes, which stays accurate far from zero.
 */
export function lowerNormalize(
  e: OnnxEmitter,
  x: string,
  attributes: OpAttributes["normalize"],
  shape: Shape,
  ones = (count: number): string => e.one("ConstantOfShape", [e.ints([count])], { value: { tensor: 1 } }),
): string[] {
  const { axes, eps } = attributes;
  const kept = shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
  const count = axes.reduce((n, axis) => n * shape[axis]!, 1);
  if (isOverRows(attributes, shape)) {
    const [y, mean, rstd] = e.node(
      "LayerNormalization",
      [e.reshape(x, [elements(shape) / count, count]), ones(count)],
      { axis: 1, epsilon: { float: eps } },
      3,
    );
    return [e.reshape(y!, shape), e.reshape(mean!, kept), e.reshape(rstd!, kept)];
  }
  const reduced = reducedAxes(e, axes, shape);
  const mean = e.one("ReduceMean", [x, reduced], { keepdims: 1 });
  const centred = e.one("Sub", [x, mean]);
  const squares = e.one("ReduceSumSquare", [centred, reduced], { keepdims: 1 });
  const variance = e.one("Mul", [squares, e.floats(Float32Array.of(1 / count), [])]);
  const deviation = e.one("Sqrt", [e.one("Add", [variance, e.floats(Float32Array.of(eps), [])])]);
  const rstd = e.one("Reciprocal", [deviation]);
  return [e.one("Mul", [centred, rstd]), mean, rstd];
}
