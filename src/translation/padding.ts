import type { FloatTensor } from "../formats/tensor.js";
import type { Network } from "../networks/registry.js";

/** Width and height of an image, in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** The smallest size that holds an image and that the network can be run on. */
export function paddedSize(
  { divisor, minimumSize }: Pick<Network, "divisor" | "minimumSize">,
  { width, height }: Size,
): Size {
  const side = (length: number): number => Math.ceil(Math.max(length, minimumSize) / divisor) * divisor;
  return { width: side(width), height: side(height) };
}

/**
 * Puts an image [C, H, W] in the middle of a larger one and fills the rest by mirroring it at its edges, over and
 * over where it is smaller than that needs; a single row or column is repeated.
 */
export function padImage(image: FloatTensor, { width, height }: Size): FloatTensor {
  const [channels, rows, columns] = image.shape as [number, number, number];
  if (rows === height && columns === width) return image;
  const fromRow = mirroredPositions(rows, height);
  const fromColumn = mirroredPositions(columns, width);
  const data = new Float32Array(channels * height * width);
  let to = 0;
  for (let c = 0; c < channels; c++) {
    for (const row of fromRow) {
      const begin = (c * rows + row) * columns;
      for (const column of fromColumn) data[to++] = image.data[begin + column]!;
    }
  }
  return { shape: [channels, height, width], data };
}

/** The inverse: the middle of [C, H, W]. */
export function cropPadding(image: FloatTensor, { width, height }: Size): FloatTensor {
  const [channels, rows, columns] = image.shape as [number, number, number];
  if (rows === height && columns === width) return image;
  const top = paddingBefore(height, rows);
  const left = paddingBefore(width, columns);
  const data = new Float32Array(channels * height * width);
  for (let c = 0; c < channels; c++) {
    for (let row = 0; row < height; row++) {
      const begin = (c * rows + top + row) * columns + left;
      data.set(image.data.subarray(begin, begin + width), (c * height + row) * width);
    }
  }
  return { shape: [channels, height, width], data };
}

const paddingBefore = (length: number, padded: number): number => Math.floor((padded - length) / 2);

/** For every position of a padded axis, the position of the image that is shown there. */
function mirroredPositions(length: number, padded: number): Int32Array {
  const before = paddingBefore(length, padded);
  const period = Math.max(1, 2 * (length - 1));
  return Int32Array.from({ length: padded }, (_, position) => {
    const phase = (((position - before) % period) + period) % period;
    return Math.min(phase, period - phase, length - 1);
  });
}
