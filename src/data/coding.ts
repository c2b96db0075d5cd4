import type { FloatTensor } from "../formats/tensor.js";
import { convertChannels } from "./channels.js";
import { imageToLab, labToImage, lightnessToImage } from "./lab.js";
import { type Image, imageToTensor, tensorToImage } from "./pixels.js";

/** How images become a generator's tensors [C, H, W], and its results images. */
export interface Coding {
  /** Channels of the images at both ends; those of the tensors may be others. */
  readonly inputChannels: number;
  readonly outputChannels: number;
  /** An image of `inputChannels` as the generator's input. */
  encode(image: Image): FloatTensor;
  /** What the generator sees, as an image. */
  show(input: FloatTensor, depth: 8 | 16): Image;
  /** The generator's result for an input, as an image of `outputChannels`. */
  decode(result: FloatTensor, input: FloatTensor, depth: 8 | 16): Image;
}

/** Samples in [−1, 1], channel by channel. */
export const sampleCoding = (channels: Pick<Coding, "inputChannels" | "outputChannels">): Coding => ({
  inputChannels: channels.inputChannels,
  outputChannels: channels.outputChannels,
  encode: (image) => imageToTensor(image),
  show: tensorToImage,
  decode: (result, _input, depth) => tensorToImage(result, depth),
});

const HALF_LIGHTNESS = 50;
const MOST_CHROMA = 110;

/**
 * The input and the target that the reference's colorization data set makes of an RGB image: L* / 50 − 1, [1, H, W] in
 * [−1, 1], and a* / 110 with b* / 110, [2, H, W].
 */
export function colorizationSample(image: Image): { readonly A: FloatTensor; readonly B: FloatTensor } {
  const { width, height } = image;
  const { data } = imageToLab(image);
  const plane = width * height;
  // Every operation is rounded to 32 bits, as PyTorch does it.
  const L = data.subarray(0, plane).map((value) => Math.fround(value / HALF_LIGHTNESS) - 1);
  const ab = data.subarray(plane).map((value) => value / MOST_CHROMA);
  return { A: { shape: [1, height, width], data: L }, B: { shape: [2, height, width], data: ab } };
}

/** `dataset_mode colorization`: the lightness of any image, kept as it is, and the colours that the generator gives it. */
export const colorizationCoding: Coding = {
  inputChannels: 3,
  outputChannels: 3,
  encode: (image) => colorizationSample(image).A,
  show: ({ shape, data }, depth) =>
    convertChannels(lightnessToImage({ shape: shape.slice(1), data: lightnessOf(data) }, depth), 3),
  decode(result, input, depth) {
    const lab = new Float32Array(input.data.length + result.data.length);
    lab.set(lightnessOf(input.data));
    for (const [i, ab] of result.data.entries()) lab[input.data.length + i] = ab * MOST_CHROMA;
    return labToImage({ shape: [3, ...input.shape.slice(1)], data: lab }, depth);
  },
};

const lightnessOf = (data: Float32Array): Float32Array => data.map((L) => (L + 1) * HALF_LIGHTNESS);
