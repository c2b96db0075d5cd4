import { convertChannels } from "../data/channels.js";
import type { Image } from "../data/pixels.js";
import { outputSize, scaledSize, transformImage } from "../data/transforms.js";
import type { DataOptions } from "../options/schema.js";
import type { Size } from "./padding.js";

/** How an image is sized before it is translated. */
export type Preparation = Pick<DataOptions, "preprocess" | "load_size" | "crop_size"> &
  Partial<Pick<DataOptions, "interpolation">>;

/**
 * Sizes as they were asked for, else as trained. As in the reference's test, nothing is resized by default, and
 * `load_size` is `crop_size` unless it is given.
 */
export function completePreparation(
  given: Partial<Preparation>,
  trained?: Partial<Preparation>,
): Preparation {
  const crop_size = given.crop_size ?? trained?.crop_size ?? 256;
  const interpolation = given.interpolation ?? trained?.interpolation;
  const load_size = given.load_size ?? crop_size;
  const nearest = interpolation === "nearest" && { interpolation };
  return { preprocess: given.preprocess ?? "none", crop_size, load_size, ...nearest };
}

/**
 * An image as the generator sees it: converted to its channels as in training, then sized as the reference's test
 * does, the crop from the middle. With `preprocess` none it keeps its size, whatever that is.
 * @throws PixcycleError E_IMAGE_READ for channels that cannot be converted, E_DATA_SIZE as `preparedSize`
 */
export function prepareImage(image: Image, channels: number, preparation: Preparation, name: string): Image {
  const converted = convertChannels(image, channels, name);
  if (preparation.preprocess === "none") return converted;
  const options = { ...preparation, no_flip: true };
  const { width, height } = preparedSize(preparation, image, name);
  const [scaledWidth, scaledHeight] = scaledSize(options, image.width, image.height);
  const middle = { x: Math.floor((scaledWidth - width) / 2), y: Math.floor((scaledHeight - height) / 2) };
  return transformImage(converted, options, { ...middle, flip: false }, name);
}

/**
 * The size that an image of some size is given.
 * @throws PixcycleError E_DATA_SIZE where the crop is larger than the image
 */
export function preparedSize(preparation: Preparation, { width, height }: Size, name: string): Size {
  if (preparation.preprocess === "none") return { width, height };
  const size = outputSize({ ...preparation, no_flip: true }, width, height, name);
  return { width: size[0], height: size[1] };
}
