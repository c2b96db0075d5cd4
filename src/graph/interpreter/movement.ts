import type { Padding2d } from "../ops.js";
import { elements, type Shape, stridesOf } from "../shape.js";
import { broadcastPositions, gather, positions, scatterAdd, strided } from "./positions.js";
import type { Kernel } from "./value.js";

const broadcast: Kernel<"broadcast"> = (_, [x], [shape]) => [
  gather(x!.data, broadcastPositions(x!.shape, shape!)),
];

const reshape: Kernel<"reshape"> = (_, [x]) => [x!.data];

const transpose: Kernel<"transpose"> = ({ perm }, [x], [shape]) => {
  const strides = stridesOf(x!.shape);
  return [
    gather(
      x!.data,
      strided(
        shape!,
        perm.map((axis) => strides[axis]!),
      ),
    ),
  ];
};

/** Where the elements of `part` lie in an array of shape `whole`, from `starts`, `steps` apart. */
function spaced(part: Shape, whole: Shape, starts: readonly number[], steps: readonly number[]): Int32Array {
  const strides = stridesOf(whole);
  return strided(
    part,
    steps.map((step, axis) => step * strides[axis]!),
    starts.map((start, axis) => start * strides[axis]!),
  );
}

const slice: Kernel<"slice"> = ({ starts, steps }, [x], [shape]) => [
  gather(x!.data, spaced(shape!, x!.shape, starts, steps)),
];

const padZero: Kernel<"padZero"> = ({ before, steps }, [x], [shape]) => [
  scatterAdd(new Float64Array(elements(shape!)), spaced(x!.shape, shape!, before, steps), x!.data),
];

const concat: Kernel<"concat"> = ({ axis }, inputs, [shape]) => {
  const result = new Float64Array(elements(shape!));
  const starts = shape!.map(() => 0);
  const steps = shape!.map(() => 1);
  for (const part of inputs) {
    scatterAdd(result, spaced(part.shape, shape!, starts, steps), part.data);
    starts[axis]! += part.shape[axis]!;
  }
  return [result];
};

/** i, or its mirror image around the first or the last index. */
const mirrored = (i: number, extent: number): number => {
  if (i < 0) return -i;
  return i < extent ? i : 2 * (extent - 1) - i;
};

/** For each pixel of the padded images, the position of the pixel of the images of `shape` that it repeats. */
function reflections(shape: Shape, { top, left, bottom, right }: Padding2d): Int32Array {
  const strides = stridesOf(shape);
  const padding = [...shape.slice(2).map(() => [0, 0]), [top, bottom], [left, right]];
  return positions(
    shape.map((extent, axis) => {
      const [before, after] = padding[axis]! as [number, number];
      return Array.from(
        { length: before + extent + after },
        (_, i) => mirrored(i - before, extent) * strides[axis]!,
      );
    }),
  );
}

const reflectPad: Kernel<"reflectPad"> = (padding, [x]) => [gather(x!.data, reflections(x!.shape, padding))];

const reflectPadAdjoint: Kernel<"reflectPadAdjoint"> = (padding, [dy], [shape]) => [
  scatterAdd(new Float64Array(elements(shape!)), reflections(shape!, padding), dy!.data),
];

const upsampleNearest: Kernel<"upsampleNearest"> = ({ scale }, [x], [shape]) => {
  const strides = stridesOf(x!.shape);
  const axes = shape!.map((extent, axis) => {
    const repeat = axis < shape!.length - 2 ? 1 : scale;
    return Array.from({ length: extent }, (_, i) => Math.floor(i / repeat) * strides[axis]!);
  });
  return [gather(x!.data, positions(axes))];
};

export const movementKernels = {
  broadcast,
  reshape,
  transpose,
  slice,
  padZero,
  concat,
  reflectPad,
  reflectPadAdjoint,
  upsampleNearest,
};
