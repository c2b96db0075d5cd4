import { PixcycleError } from "../errors.js";
import type { DataOptions } from "../options/schema.js";
import type { RandomStream } from "../random/philox.js";
import { newSamples } from "./channels.js";
import type { Image } from "./pixels.js";
import { resizeBicubic, resizeNearest } from "./resize.js";

export type TransformOptions = Pick<DataOptions, "preprocess" | "load_size" | "crop_size" | "no_flip"> &
  Partial<Pick<DataOptions, "interpolation">>;

/** What is random in a sample: the corner of the crop, in pixels of the resized image, and the flip. */
export interface Augmentation {
  readonly x: number;
  readonly y: number;
  readonly flip: boolean;
}

type Size = readonly [width: number, height: number];

/** The nearest multiple of 4, ties to the even multiple as Python's `round`. */
function roundToFour(size: number): number {
  const quarters = size / 4;
  const below = Math.floor(quarters);
  const up = quarters - below > 0.5 || (quarters - below === 0.5 && below % 2 === 1);
  return 4 * (up ? below + 1 : below);
}

/**
 * The size after resizing and before cropping, as in the reference's `get_transform`. Where nothing is cropped,
 * sides are rounded to multiples of 4, which its generators need (the reference does so for `none` only, and then
 * fails on other heights that `scale_width` gives).
 */
export function scaledSize(options: TransformOptions, width: number, height: number): Size {
  const { preprocess, load_size, crop_size } = options;
  const scaledHeight = () => Math.trunc(Math.max((load_size * height) / width, crop_size));
  switch (preprocess) {
    case "resize_and_crop":
      return [load_size, load_size];
    case "scale_width_and_crop":
      return [load_size, scaledHeight()];
    case "scale_width":
      return [roundToFour(load_size), roundToFour(scaledHeight())];
    case "crop":
      return [width, height];
    case "none":
      return [roundToFour(width), roundToFour(height)];
  }
}

function crops(options: TransformOptions): boolean {
  return options.preprocess !== "none" && options.preprocess !== "scale_width";
}

/**
 * The size of the sample made from an image of this size. `E_DATA_SIZE`, with `name`, where the image is too small:
 * for the crop (the reference would fill it with black), or to be rounded to a multiple of 4.
 */
export function outputSize(options: TransformOptions, width: number, height: number, name: string): Size {
  const [scaledWidth, scaledHeight] = scaledSize(options, width, height);
  const { crop_size } = options;
  if (!crops(options)) {
    if (scaledWidth > 0 && scaledHeight > 0) return [scaledWidth, scaledHeight];
    throw new PixcycleError("E_DATA_SIZE", `${name} is ${width}×${height}: too small to train on.`, {
      hint: "Remove it, or use --preprocess resize_and_crop.",
    });
  }
  if (scaledWidth >= crop_size && scaledHeight >= crop_size) return [crop_size, crop_size];
  const size = `${scaledWidth}×${scaledHeight}`;
  throw new PixcycleError(
    "E_DATA_SIZE",
    `${name} is ${size} where ${crop_size}×${crop_size} is to be cropped.`,
    {
      hint: "Lower --crop_size, or use --preprocess resize_and_crop.",
    },
  );
}

/** Draws crop and flip for an image of this size: always three draws, whatever the options. */
export function drawAugmentation(
  options: TransformOptions,
  width: number,
  height: number,
  draw: RandomStream,
): Augmentation {
  const [scaledWidth, scaledHeight] = scaledSize(options, width, height);
  const x = draw.int(Math.max(scaledWidth - options.crop_size, 0) + 1);
  const y = draw.int(Math.max(scaledHeight - options.crop_size, 0) + 1);
  const flip = draw.uniform() > 0.5;
  return { x: crops(options) ? x : 0, y: crops(options) ? y : 0, flip: flip && !options.no_flip };
}

/** The rectangle from (x, y), which must lie inside, mirrored left to right if `flip`. */
export function cropImage(
  image: Image,
  x: number,
  y: number,
  width: number,
  height: number,
  flip = false,
): Image {
  if (x === 0 && y === 0 && width === image.width && height === image.height && !flip) return image;
  const { channels, depth, data } = image;
  const out = newSamples(depth, width * height * channels);
  for (let row = 0; row < height; row++) {
    const from = ((y + row) * image.width + x) * channels;
    const to = row * width * channels;
    if (!flip) {
      out.set(data.subarray(from, from + width * channels), to);
      continue;
    }
    for (let column = 0; column < width; column++) {
      const source = from + (width - 1 - column) * channels;
      for (let c = 0; c < channels; c++) out[to + column * channels + c] = data[source + c]!;
    }
  }
  return { width, height, channels, depth, data: out };
}

/** An image at its size before the crop, bicubic unless `interpolation` says otherwise. */
export function scaleImage(image: Image, options: TransformOptions): Image {
  const resize = options.interpolation === "nearest" ? resizeNearest : resizeBicubic;
  return resize(image, ...scaledSize(options, image.width, image.height));
}

/** Resizes, crops and flips as the reference's `get_transform`. Errors: as `outputSize`. */
export function transformImage(
  image: Image,
  options: TransformOptions,
  { x, y, flip }: Augmentation,
  name: string,
): Image {
  const [width, height] = outputSize(options, image.width, image.height, name);
  return cropImage(scaleImage(image, options), x, y, width, height, flip);
}
