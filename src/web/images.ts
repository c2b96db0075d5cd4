import type { Image } from "../data/pixels.js";
import { type PixelSource, readPixels } from "./source.js";

/** An image of a training, with a name if it has none of its own; a file's is its place in the folder that was chosen. */
export type TrainingImage = PixelSource | { readonly name: string; readonly image: PixelSource };

/**
 * The images of a training: those of two domains, or of two sides of pairs, which belong together by their names without
 * the ending; or pairs side by side, or colour images for `dataset_mode` colorization.
 */
export type TrainingImages =
  | { readonly A: readonly TrainingImage[]; readonly B: readonly TrainingImage[] }
  | { readonly images: readonly TrainingImage[] };

/** An image on its way to a worker. */
export interface SentImage {
  readonly name: string;
  readonly image: Blob | Image;
}

/** `TrainingImages` on their way to a worker. */
export type SentImages =
  | { readonly A: readonly SentImage[]; readonly B: readonly SentImage[] }
  | { readonly images: readonly SentImage[] };

/** Names images and reads what only the page can read; files are decoded later, in the worker. */
export async function collectImages(images: TrainingImages): Promise<SentImages> {
  if ("images" in images) return { images: await collect(images.images) };
  return { A: await collect(images.A), B: await collect(images.B) };
}

async function collect(images: readonly TrainingImage[]): Promise<SentImage[]> {
  const sent: SentImage[] = [];
  for (const [index, given] of images.entries()) {
    const { name = nameOf(given, index), image } = "image" in given ? given : { image: given };
    sent.push({ name, image: image instanceof Blob ? image : await readPixels(image) });
  }
  return sent;
}

/** A file's name in the folder that was chosen; the position of what has no name, so that order stays order. */
function nameOf(source: TrainingImage, index: number): string {
  if (!(source instanceof File)) return String(index + 1).padStart(6, "0");
  return source.webkitRelativePath.replace(/^[^/]*\//, "") || source.name;
}
