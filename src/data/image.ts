import { constants } from "node:fs";
import { access, readFile } from "node:fs/promises";
import sharp, { type Metadata, type Sharp, type SharpOptions } from "sharp";
import { PixcycleError } from "../errors.js";
import { convertChannels, flattenOnWhite, newSamples } from "./channels.js";
import type { Image } from "./pixels.js";

/** What an image file says of itself before anything is decoded. */
export interface ImageHeader {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly depth: 8 | 16;
  readonly format: string;
}

export type ImageFormat = "png" | "jpeg" | "webp" | "tiff";

/** Lower-case endings of the files that count as images in a folder. */
export const IMAGE_EXTENSIONS: ReadonlySet<string> = new Set([
  ".png",
  ".jpg",
  ".jpeg",
  ".webp",
  ".tif",
  ".tiff",
  ".gif",
]);

/** More pixels than this are refused: where PIL, too, calls a file a decompression bomb. */
export const MAX_PIXELS = 178_956_970;

const READABLE_FORMATS = ["png", "jpeg", "webp", "tiff", "gif"];

// Images are decoded once each: libvips' cache of files would only hold memory and hide changed files.
sharp.cache(false);

const SHARP_OPTIONS: SharpOptions = {
  failOn: "error",
  limitInputPixels: false,
  limitInputChannels: 0,
  ignoreIcc: true,
};

function unreadable(name: string, cause: unknown): PixcycleError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (code !== undefined) {
    const problem = code === "ENOENT" ? "no such file" : `cannot be read (${code})`;
    return new PixcycleError("E_IMAGE_READ", `${name}: ${problem}.`, {
      hint: "Check the path and its permissions.",
      cause,
    });
  }
  if (reason.includes("unsupported image format")) {
    return new PixcycleError("E_IMAGE_READ", `${name} is not an image, whatever its name ends in.`, {
      hint: "Use PNG, JPEG, WebP, TIFF or GIF files.",
      cause,
    });
  }
  // The decoder's own words are in the cause: they vary when several files are read at once.
  return new PixcycleError("E_IMAGE_READ", `${name} is cut short or damaged.`, {
    hint: "Replace or remove it.",
    cause,
  });
}

/** With sharp's name of the colour space. */
interface FileHeader extends ImageHeader {
  readonly space: string | undefined;
}

async function inspect(source: string | Uint8Array, name: string): Promise<FileHeader> {
  let header: Metadata;
  try {
    if (typeof source === "string") await access(source, constants.R_OK);
    header = await sharp(source, SHARP_OPTIONS).metadata();
  } catch (cause) {
    throw unreadable(name, cause);
  }
  const { width, height, channels, depth, format, space } = header;
  if (!READABLE_FORMATS.includes(format)) {
    throw new PixcycleError("E_IMAGE_READ", `${name} is a ${format} file.`, {
      hint: "Use PNG, JPEG, WebP, TIFF or GIF files.",
    });
  }
  if (depth !== "uchar" && depth !== "ushort") {
    throw new PixcycleError("E_IMAGE_READ", `${name} holds ${depth} samples.`, {
      hint: "Convert it to 8 or 16 bits per sample.",
    });
  }
  if (width * height > MAX_PIXELS) {
    throw new PixcycleError(
      "E_IMAGE_SIZE",
      `${name} is ${width}×${height}: more than ${MAX_PIXELS.toLocaleString("en")} pixels.`,
      { hint: "Cut it into smaller images." },
    );
  }
  return { width, height, channels, depth: depth === "uchar" ? 8 : 16, format, space };
}

/**
 * Reads size, channels and depth of an image file from its header, in about a millisecond and without decoding.
 * Errors: `E_IMAGE_READ` (no such file, no image), `E_IMAGE_SIZE` (over `MAX_PIXELS`).
 */
export async function readImageHeader(path: string): Promise<ImageHeader> {
  const { space: _, ...header } = await inspect(path, path);
  return header;
}

export interface DecodeOptions {
  /** Convert to this many channels (see `convertChannels`); by default those of the file. */
  readonly channels?: number;
  /** Blend transparent images over white; by default alpha is a channel like any other, dropped if not asked for. */
  readonly onWhite?: boolean;
  /** The name of the image in error messages; by default its path. */
  readonly name?: string;
}

/**
 * Decodes a PNG, JPEG, WebP, TIFF or GIF (first frame) at its own depth, from a path or from bytes.
 *
 * Like the reference (PIL's `Image.open(path).convert("RGB")`), it applies neither the EXIF orientation nor colour
 * profiles; 8-bit pixels equal PIL's. Unlike it, 16-bit samples stay 16-bit. CMYK is converted to sRGB.
 * Errors: `E_IMAGE_READ` (missing, not an image, cut short, damaged, wrong channels), `E_IMAGE_SIZE`.
 */
export async function decodeImage(source: string | Uint8Array, options: DecodeOptions = {}): Promise<Image> {
  const name = options.name ?? (typeof source === "string" ? source : "The image");
  try {
    // The header decides before a large file is read into memory.
    const header = await inspect(source, name);
    const bytes = typeof source === "string" ? await readFile(source) : source;
    const decoded = await decodeSamples(bytes, header);
    const flat = options.onWhite === true ? flattenOnWhite(decoded) : decoded;
    return convertChannels(flat, options.channels ?? flat.channels, name);
  } catch (cause) {
    throw cause instanceof PixcycleError ? cause : unreadable(name, cause);
  }
}

async function decodeSamples(bytes: Uint8Array, header: FileHeader): Promise<Image> {
  const { depth } = header;
  const gray = header.space === "b-w" || header.space === "grey16";
  // sharp's 8-bit gray output keeps one band only; as sRGB the gray band comes three times, then the others.
  const repeatedGray = gray && depth === 8 && header.channels > 1;
  const { data, info } = await sharp(bytes, SHARP_OPTIONS)
    .toColourspace(sharpSpace(gray && !repeatedGray, depth))
    .raw({ depth: depth === 8 ? "uchar" : "ushort" })
    .toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  const samples =
    depth === 8
      ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      : new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2);
  const image: Image = { width, height, channels, depth, data: samples };
  if (!repeatedGray) return image;
  return selectChannels(image, [0, ...Array.from({ length: channels - 3 }, (_, i) => i + 3)]);
}

/** sharp's name of the space in which samples pass unchanged. */
function sharpSpace(gray: boolean, depth: 8 | 16): string {
  if (depth === 8) return gray ? "b-w" : "srgb";
  return gray ? "grey16" : "rgb16";
}

function selectChannels(image: Image, picked: readonly number[]): Image {
  const { width, height, depth, data } = image;
  const out = newSamples(depth, width * height * picked.length);
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (let c = 0; c < picked.length; c++) {
      out[pixel * picked.length + c] = data[pixel * image.channels + picked[c]!]!;
    }
  }
  return { width, height, channels: picked.length, depth, data: out };
}

/**
 * Encodes at the image's own depth: PNG (1–4 channels, 8 or 16 bits), TIFF (any channels, 8 or 16 bits), WebP
 * (1–4 channels, 8 bits; lossless) and JPEG (1 or 3 channels, 8 bits; quality 95 without chroma subsampling).
 * What a format cannot hold is `E_OPTION_CONFLICT`: nothing is cut silently.
 */
export async function encodeImage(image: Image, format: ImageFormat): Promise<Uint8Array> {
  const { channels, depth } = image;
  const jpegOrWebp = format === "jpeg" || format === "webp";
  const holds = format === "tiff" || (format === "jpeg" ? channels === 1 || channels === 3 : channels <= 4);
  if (!holds || (jpegOrWebp && depth === 16)) {
    throw new PixcycleError(
      "E_OPTION_CONFLICT",
      `${format} cannot hold ${channels} channels of ${depth} bits.`,
      {
        hint: holds ? "Write PNG or TIFF." : "Write TIFF.",
      },
    );
  }
  const picture = channels <= 4 ? fromSamples(image) : joinBands(image);
  switch (format) {
    case "png":
      return picture.png().toBuffer();
    case "jpeg":
      return picture.jpeg({ quality: 95, chromaSubsampling: "4:4:4" }).toBuffer();
    case "webp":
      return picture.webp({ lossless: true, exact: true }).toBuffer();
    case "tiff":
      return picture.tiff({ compression: "lzw" }).toBuffer();
  }
}

function fromSamples(image: Image): Sharp {
  const { width, height, channels, depth } = image;
  return sharp(image.data, { raw: { width, height, channels: channels as 1 | 2 | 3 | 4 } }).toColourspace(
    sharpSpace(channels <= 2, depth),
  );
}

/** More than four channels: sharp takes raw samples band by band. */
function joinBands(image: Image): Sharp {
  const { width, height } = image;
  const options: SharpOptions = { ...SHARP_OPTIONS, raw: { width, height, channels: 1 } };
  const bands = Array.from({ length: image.channels }, (_, c) => selectChannels(image, [c]).data);
  return sharp(bands[0]!, options)
    .joinChannel(bands.slice(1) as unknown as Buffer[], options)
    .toColourspace(sharpSpace(true, image.depth));
}
