import { createHash } from "node:crypto";
import { flattenOnWhite, maxValue } from "../channels.js";
import type { Image } from "../pixels.js";

/** Width and height of the small copy that images are compared by. */
const SMALL = 16;

/** What an image looks like, in a few numbers. */
export interface Picture {
  /** SHA-256 of size and samples: equal for the same picture in two files. */
  readonly digest: string;
  /** Difference hash, two words of 32 bits: brighter or darker than the neighbour, over a grid of 9 × 8. */
  readonly hash: readonly [number, number];
  /** A copy of 16 × 16 pixels, RGB, 0 to 255. */
  readonly small: Uint8Array;
  /** Mean and standard deviation of `small`. */
  readonly mean: number;
  readonly deviation: number;
  /** Statistics that tell kinds of images apart: see `featuresOf`. */
  readonly features: readonly number[];
}

/** Describes an image of any depth and channels; alpha is blended on white, channels after the third do not count. */
export function describePicture(image: Image): Picture {
  const rgb = toRgb(image);
  const small = Uint8Array.from(boxAverage(rgb, SMALL, SMALL), (value) => Math.round(value * 255));
  const mean = small.reduce((sum, value) => sum + value, 0) / small.length;
  const squares = small.reduce((sum, value) => sum + (value - mean) ** 2, 0) / small.length;
  return {
    digest: digestOf(image),
    hash: differenceHash(boxAverage(rgb, 9, 8)),
    small,
    mean,
    deviation: Math.sqrt(squares),
    features: featuresOf(rgb),
  };
}

interface Rgb {
  readonly width: number;
  readonly height: number;
  /** Rows of RGB, 0 to 1. */
  readonly data: Float32Array;
}

function toRgb(image: Image): Rgb {
  const { width, height, channels, depth, data } = flattenOnWhite(image);
  const max = maxValue(depth);
  const out = new Float32Array(width * height * 3);
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (let c = 0; c < 3; c++) {
      out[pixel * 3 + c] = data[pixel * channels + (channels < 3 ? 0 : c)]! / max;
    }
  }
  return { width, height, data: out };
}

/** Means over a grid of boxes that cover every pixel; a box narrower than a pixel takes the nearest one. */
function boxAverage({ width, height, data }: Rgb, columns: number, rows: number): Float32Array {
  const out = new Float32Array(columns * rows * 3);
  for (let row = 0; row < rows; row++) {
    const [top, bottom] = boxRange(row, rows, height);
    for (let column = 0; column < columns; column++) {
      const [left, right] = boxRange(column, columns, width);
      let [r, g, b] = [0, 0, 0];
      for (let y = top; y < bottom; y++) {
        for (let at = (y * width + left) * 3; at < (y * width + right) * 3; at += 3) {
          r += data[at]!;
          g += data[at + 1]!;
          b += data[at + 2]!;
        }
      }
      const area = (bottom - top) * (right - left);
      out.set([r / area, g / area, b / area], (row * columns + column) * 3);
    }
  }
  return out;
}

function boxRange(index: number, boxes: number, length: number): [begin: number, end: number] {
  const begin = Math.min(Math.floor((index * length) / boxes), length - 1);
  return [begin, Math.max(begin + 1, Math.floor(((index + 1) * length) / boxes))];
}

const luma = (data: Float32Array, at: number) =>
  0.299 * data[at]! + 0.587 * data[at + 1]! + 0.114 * data[at + 2]!;

/** dHash (N. Krawetz, "Kind of Like That", 2013) of 9 × 8 averages. */
function differenceHash(grid: Float32Array): [number, number] {
  const words: [number, number] = [0, 0];
  for (let bit = 0; bit < 64; bit++) {
    const at = (Math.floor(bit / 8) * 9 + (bit % 8)) * 3;
    // Equal neighbours, up to rounding, are no edge: flat areas would give random bits.
    if (luma(grid, at + 3) - luma(grid, at) > 1 / 512) words[bit < 32 ? 0 : 1] |= 1 << (bit % 32);
  }
  return words;
}

/** Half a level of 8 bits. */
const FLAT_STEP = 0.5 / 255;

/**
 * Mean red, green and blue; standard deviation of the luma; mean saturation (largest minus smallest channel); mean
 * difference of neighbours in a row; shares of white pixels, of black ones, and of those that equal their neighbour, as
 * in drawings and label maps. All from 0 to 1.
 */
function featuresOf({ width, height, data }: Rgb): number[] {
  const pixels = width * height;
  const sums = new Float64Array(3);
  let [lumas, squares, saturation, steps, white, black, flat] = [0, 0, 0, 0, 0, 0, 0];
  for (let pixel = 0, at = 0; pixel < pixels; pixel++, at += 3) {
    const [r, g, b] = [data[at]!, data[at + 1]!, data[at + 2]!];
    const light = luma(data, at);
    sums[0]! += r;
    sums[1]! += g;
    sums[2]! += b;
    lumas += light;
    squares += light * light;
    saturation += Math.max(r, g, b) - Math.min(r, g, b);
    if (pixel % width > 0) {
      const step = Math.abs(light - luma(data, at - 3));
      steps += step;
      if (step < FLAT_STEP) flat++;
    }
    if (light > 0.95) white++;
    if (light < 0.05) black++;
  }
  const deviation = Math.sqrt(Math.max(0, squares / pixels - (lumas / pixels) ** 2));
  const means = [...sums, saturation, steps, white, black, flat].map((sum) => sum / pixels);
  return [...means.slice(0, 3), deviation, ...means.slice(3)];
}

function digestOf({ width, height, channels, depth, data }: Image): string {
  const hash = createHash("sha256").update(`${width} ${height} ${channels} ${depth}\n`);
  return hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)).digest("hex");
}
