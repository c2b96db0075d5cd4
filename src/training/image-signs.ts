import type { FloatTensor } from "../formats/tensor.js";

/** One channel of one image, row by row. */
export interface Plane {
  readonly data: Float32Array;
  readonly width: number;
}

/** Every channel of every image of a batch, NCHW. */
export function imagesOf({ shape, data }: FloatTensor): Plane[] {
  const [count = 0, channels = 0, height = 0, width = 0] = shape;
  const size = height * width;
  return Array.from({ length: count * channels }, (_, i) => ({
    data: data.subarray(i * size, (i + 1) * size),
    width,
  }));
}

/** The mean absolute difference of two tensors of one shape. */
export function meanDistance(a: FloatTensor, b: FloatTensor): number {
  let sum = 0;
  for (let i = 0; i < a.data.length; i++) sum += Math.abs(a.data[i]! - b.data[i]!);
  return sum / a.data.length;
}

/** Pearson's correlation of two tensors of one shape, −1 to 1; 0 where one of them is constant. */
export function correlation(a: FloatTensor, b: FloatTensor): number {
  const n = a.data.length;
  const mean = (values: Float32Array) => values.reduce((sum, x) => sum + x, 0) / n;
  const [meanA, meanB] = [mean(a.data), mean(b.data)];
  let ab = 0;
  let aa = 0;
  let bb = 0;
  for (let i = 0; i < n; i++) {
    const x = a.data[i]! - meanA;
    const y = b.data[i]! - meanB;
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return aa === 0 || bb === 0 ? 0 : ab / Math.sqrt(aa * bb);
}

const BLOCK = 8;

/**
 * How strong a plane's pattern of period two is, in units of its values: in blocks of 8×8, the amplitude of columns,
 * rows or a chessboard that alternate, averaged over the blocks. Edges and textures cancel out within a block.
 */
export function checkerboard(data: Float32Array, width: number): number {
  const height = data.length / width;
  let sum = 0;
  let blocks = 0;
  for (let top = 0; top + BLOCK <= height; top += BLOCK) {
    for (let left = 0; left + BLOCK <= width; left += BLOCK) {
      let columns = 0;
      let rows = 0;
      let both = 0;
      for (let i = 0; i < BLOCK; i++) {
        for (let j = 0; j < BLOCK; j++) {
          const value = data[(top + i) * width + left + j]!;
          columns += j % 2 === 0 ? value : -value;
          rows += i % 2 === 0 ? value : -value;
          both += (i + j) % 2 === 0 ? value : -value;
        }
      }
      sum += Math.max(Math.abs(columns), Math.abs(rows), Math.abs(both)) / BLOCK ** 2;
      blocks++;
    }
  }
  return blocks === 0 ? 0 : sum / blocks;
}
