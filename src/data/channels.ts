import { PixcycleError } from "../errors.js";
import type { Image } from "./pixels.js";

/** The largest sample value: 255 or 65535. */
export function maxValue(depth: 8 | 16): number {
  return depth === 8 ? 0xff : 0xffff;
}

/** Sample storage for `length` values of the given depth, zeroed. */
export function newSamples(depth: 8 | 16, length: number): Uint8Array | Uint16Array {
  return depth === 8 ? new Uint8Array(length) : new Uint16Array(length);
}

/** PIL's RGB → L: ITU-R 601-2 luma in 16-bit fixed point, rounded to nearest. */
function luma(red: number, green: number, blue: number): number {
  return (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >>> 16;
}

/** `E_IMAGE_READ` where an image with `has` channels cannot be made one with `wanted`. */
export function checkConvertible(has: number, wanted: number, name: string): void {
  if (has === wanted || (has <= 4 && wanted <= 4)) return;
  throw new PixcycleError("E_IMAGE_READ", `${name} has ${has} channels, not ${wanted}.`, {
    hint: "Set --input_nc and --output_nc to the channels that the images have.",
  });
}

/**
 * Converts to a number of channels as PIL's `convert` does between L (1), LA (2), RGB (3) and RGBA (4):
 * gray is repeated, colour becomes its luma, alpha is dropped without blending, or added opaque.
 * Other channel counts are never converted: `E_IMAGE_READ`, with `name` in its message.
 */
export function convertChannels(image: Image, channels: number, name = "The image"): Image {
  if (image.channels === channels) return image;
  checkConvertible(image.channels, channels, name);
  const { data, width, height, depth } = image;
  const opaque = maxValue(depth);
  const fromColour = image.channels >= 3;
  const toColour = channels >= 3;
  const fromAlpha = image.channels % 2 === 0;
  const toAlpha = channels % 2 === 0;
  const out = newSamples(depth, width * height * channels);
  for (let from = 0, to = 0; from < data.length; from += image.channels, to += channels) {
    const first = data[from]!;
    if (!toColour) {
      out[to] = fromColour ? luma(first, data[from + 1]!, data[from + 2]!) : first;
    } else {
      out[to] = first;
      out[to + 1] = fromColour ? data[from + 1]! : first;
      out[to + 2] = fromColour ? data[from + 2]! : first;
    }
    if (toAlpha) out[to + channels - 1] = fromAlpha ? data[from + image.channels - 1]! : opaque;
  }
  return { width, height, channels, depth, data: out };
}

/** Blends an image with alpha (2 or 4 channels) over white and drops the alpha; others are returned as they are. */
export function flattenOnWhite(image: Image): Image {
  if (image.channels !== 2 && image.channels !== 4) return image;
  const { data, width, height, depth } = image;
  const white = maxValue(depth);
  const colours = image.channels - 1;
  const out = newSamples(depth, width * height * colours);
  for (let from = 0, to = 0; from < data.length; from += image.channels, to += colours) {
    const alpha = data[from + colours]!;
    for (let c = 0; c < colours; c++) {
      out[to + c] = Math.round(white + ((data[from + c]! - white) * alpha) / white);
    }
  }
  return { width, height, channels: colours, depth, data: out };
}
