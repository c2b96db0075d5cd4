import { decodeImage } from "../data/image.js";
import type { Image } from "../data/pixels.js";

/** An image to translate: decoded, a path, or the bytes of a file. */
export type ImageSource = Image | string | Uint8Array;

/** @throws PixcycleError E_IMAGE_READ, E_IMAGE_SIZE */
export async function readImage(source: ImageSource, name: string): Promise<Image> {
  return typeof source === "string" || source instanceof Uint8Array ? decodeImage(source, { name }) : source;
}
