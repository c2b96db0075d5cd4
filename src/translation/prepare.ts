import { convertChannels } from "../data/channels.js";
import { decodeImage, type Image } from "../data/image.js";
import { outputSize, scaledSize, transformImage } from "../data/transforms.js";
import type { DataOptions } from "../options/schema.js";

/** An image to translate: decoded, a path, or the bytes of a file. */
export type ImageSource = Image | string | Uint8Array;

/** How an image is sized before it is translated. */
export type Preparation = Pick<DataOptions, "preprocess" | "load_size" | "crop_size">;

/**
 * The image as the generator sees it (`real_A`): converted to its channels as in training, then sized as the
 * reference's test does, the crop from the middle. With `preprocess` none it keeps its size, whatever that is.
 * @throws PixcycleError E_IMAGE_READ, E_IMAGE_SIZE, E_DATA_SIZE where the crop is larger than the image
 */
export async function prepareImage(
  source: ImageSource,
  channels: number,
  preparation: Preparation,
  name = typeof source === "string" ? source : "The image",
): Promise<Image> {
  const decoded =
    typeof source === "string" || source instanceof Uint8Array ? await decodeImage(source, { name }) : source;
  const image = convertChannels(decoded, channels, name);
  if (preparation.preprocess === "none") return image;
  const options = { ...preparation, no_flip: true };
  const [width, height] = outputSize(options, image.width, image.height, name);
  const [scaledWidth, scaledHeight] = scaledSize(options, image.width, image.height);
  const middle = { x: Math.floor((scaledWidth - width) / 2), y: Math.floor((scaledHeight - height) / 2) };
  return transformImage(image, options, { ...middle, flip: false }, name);
}
