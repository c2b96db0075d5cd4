import { convertChannels } from "../data/channels.js";
import type { Image } from "../data/pixels.js";
import { PixcycleError } from "../errors.js";

/**
 * What a page can translate: anything that a canvas can draw, an image file, `ImageData`, or samples with any number
 * of channels.
 */
export type PixelSource = CanvasImageSource | Blob | ImageData | Image;

/**
 * The pixels of a source, 8 bits a sample, RGBA unless it is an `Image`. Files are decoded by the browser, which turns
 * them as EXIF says; colour profiles are ignored, as in Node.
 * @param name what an error calls a file
 * @throws PixcycleError E_IMAGE_READ for what is not decoded, E_IMAGE_SIZE for a source without pixels
 */
export async function readPixels(source: PixelSource, name?: string): Promise<Image> {
  if ("channels" in source) return source;
  if (source instanceof ImageData) return fromImageData(source);
  if (!(source instanceof Blob)) return draw(source, sizeOf(source));
  const bitmap = await decode(source, name ?? (source instanceof File ? source.name : "The image"));
  try {
    return draw(bitmap, bitmap);
  } finally {
    bitmap.close();
  }
}

async function decode(file: Blob, name: string): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(file, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  } catch (cause) {
    throw new PixcycleError("E_IMAGE_READ", `${name} cannot be decoded by this browser.`, {
      hint: "Use a PNG, JPEG or WebP file.",
      cause,
    });
  }
}

interface Size {
  readonly width: number;
  readonly height: number;
}

function sizeOf(source: CanvasImageSource): Size {
  if (source instanceof HTMLVideoElement) return { width: source.videoWidth, height: source.videoHeight };
  if (source instanceof HTMLImageElement) return { width: source.naturalWidth, height: source.naturalHeight };
  if (source instanceof SVGImageElement) {
    return { width: source.width.baseVal.value, height: source.height.baseVal.value };
  }
  if (source instanceof VideoFrame) return { width: source.displayWidth, height: source.displayHeight };
  return source;
}

function draw(source: CanvasImageSource, { width, height }: Size): Image {
  if (width < 1 || height < 1) {
    throw new PixcycleError("E_IMAGE_SIZE", "The image has no pixels.", {
      hint: "Wait until the picture or the video has loaded.",
    });
  }
  // On the CPU, where it is read back from.
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true })!;
  context.drawImage(source, 0, 0, width, height);
  return fromImageData(context.getImageData(0, 0, width, height));
}

const fromImageData = ({ width, height, data }: ImageData): Image => ({
  ...{ width, height, channels: 4, depth: 8 },
  data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
});

/** An 8-bit image for a canvas, opaque if it has no alpha. */
export function toImageData(image: Image): ImageData {
  const { width, height, data } = convertChannels(image, 4, "The result");
  return new ImageData(new Uint8ClampedArray(data), width, height);
}
