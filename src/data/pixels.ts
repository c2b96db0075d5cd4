import { PixcycleError } from "../errors.js";
import type { FloatTensor } from "../formats/tensor.js";
import { convertChannels, maxValue, newSamples } from "./channels.js";

/** An image in memory: samples in rows of pixels (H, W, C), 0 to 255 or 0 to 65535. */
export interface Image {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly depth: 8 | 16;
  readonly data: Uint8Array | Uint16Array;
}

/** (v / max − 0.5) / 0.5 for every sample value, each operation rounded to 32 bits as torchvision does it. */
function normaliseTable(depth: 8 | 16): Float32Array {
  const max = maxValue(depth);
  const table = new Float32Array(max + 1);
  for (let v = 0; v <= max; v++) table[v] = Math.fround(Math.fround(v / max) - 0.5) / 0.5;
  return table;
}

const normaliseTables: { 8?: Float32Array; 16?: Float32Array } = {};

/**
 * An image as [C, H, W] in [−1, 1]: (x − 0.5) / 0.5 with x in [0, 1], bit for bit torchvision's ToTensor and
 * Normalize for 8 bits. `channels` converts first (see `convertChannels`).
 */
export function imageToTensor(image: Image, channels = image.channels): FloatTensor {
  const { width, height, depth, data } = convertChannels(image, channels);
  normaliseTables[depth] ??= normaliseTable(depth);
  const table = normaliseTables[depth];
  const plane = width * height;
  const out = new Float32Array(channels * plane);
  for (let c = 0; c < channels; c++) {
    for (let pixel = 0, from = c, to = c * plane; pixel < plane; pixel++, from += channels) {
      out[to + pixel] = table[data[from]!]!;
    }
  }
  return { shape: [channels, height, width], data: out };
}

/**
 * The inverse: [C, H, W] in [−1, 1] to samples (x + 1) / 2 · max. Values outside are clamped and NaN is 0. Rounds to
 * nearest, so that an image survives the way there and back; the reference truncates, which darkens by half a level.
 */
export function tensorToImage(tensor: FloatTensor, depth: 8 | 16 = 8): Image {
  const [channels, height, width] = tensor.shape;
  if (tensor.shape.length !== 3 || channels === undefined || height === undefined || width === undefined) {
    throw new PixcycleError("E_SHAPE", `An image tensor is [C, H, W], not [${tensor.shape.join(", ")}].`);
  }
  const max = maxValue(depth);
  const plane = width * height;
  const data = newSamples(depth, channels * plane);
  for (let c = 0; c < channels; c++) {
    for (let pixel = 0; pixel < plane; pixel++) {
      const value = ((tensor.data[c * plane + pixel]! + 1) / 2) * max;
      data[pixel * channels + c] = Math.round(Math.min(Math.max(value, 0), max));
    }
  }
  return { width, height, channels, depth, data };
}
