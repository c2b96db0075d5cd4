import sharp, { type OverlayOptions } from "sharp";
import { tensorToImage } from "../data/pixels.js";
import { PixcycleError } from "../errors.js";
import type { FloatTensor } from "../formats/tensor.js";

/** How a grid of images is laid out. */
export interface GridOptions {
  /** Titles above the columns; left out where the machine has no fonts to draw them with. */
  readonly columns?: readonly string[];
  /** Whole enlargement of every pixel; by default the smallest that makes cells 128 pixels wide or more. */
  readonly scale?: number;
  /** How many rows stand side by side, for many small images; default 1. */
  readonly across?: number;
}

/** Pixels between neighbouring images, and around them. */
const GUTTER = 4;
/** Pixels between rows that stand side by side. */
const WIDE_GUTTER = 20;
const COMFORTABLE_WIDTH = 128;

/**
 * Puts images into one picture, such as input | output | truth in each row, on white.
 *
 * Images are [C, H, W] in [−1, 1] of any sizes; one or two channels are shown in gray, of more the first three as RGB.
 * Rows may differ in length. Nothing is resampled: enlargement repeats pixels.
 *
 * @returns the bytes of an 8-bit RGB PNG
 * @throws PixcycleError E_DATA_EMPTY without images, E_SHAPE for a tensor that is no image
 */
export async function composeGrid(
  rows: readonly (readonly FloatTensor[])[],
  options: GridOptions = {},
): Promise<Uint8Array> {
  const images = rows.map((row) => row.map(toRgb));
  const all = images.flat();
  if (all.length === 0) throw new PixcycleError("E_DATA_EMPTY", "A grid needs at least one image.");
  const naturalWidth = Math.max(...all.map((image) => image.width));
  const scale = options.scale ?? Math.ceil(COMFORTABLE_WIDTH / naturalWidth);
  const cell = {
    width: naturalWidth * scale,
    height: Math.max(...all.map((image) => image.height)) * scale,
  };
  const across = options.across ?? 1;
  const columns = Math.max(...images.map((row) => row.length), options.columns?.length ?? 0);
  const blockWidth = columns * (cell.width + GUTTER) - GUTTER;
  const lefts = Array.from({ length: across }, (_, block) => GUTTER + block * (blockWidth + WIDE_GUTTER));
  const width = lefts.at(-1)! + blockWidth + GUTTER;
  const titles = await titleBand(options.columns ?? [], lefts, cell.width, width);
  const top = GUTTER + (titles?.height ?? 0);

  const overlays: OverlayOptions[] = images.flatMap((row, i) =>
    row.map((image, column) => ({
      input: enlarge(image, scale),
      raw: { width: image.width * scale, height: image.height * scale, channels: 3 as const },
      left: lefts[i % across]! + column * (cell.width + GUTTER),
      top: top + Math.floor(i / across) * (cell.height + GUTTER),
    })),
  );
  if (titles !== undefined) overlays.push({ input: titles.png, left: 0, top: 0 });
  const height = top + Math.ceil(rows.length / across) * (cell.height + GUTTER);
  return sharp({ create: { width, height, channels: 3, background: "#fff" } })
    .composite(overlays)
    .removeAlpha()
    .png()
    .toBuffer();
}

interface RgbImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

function toRgb(tensor: FloatTensor): RgbImage {
  const { width, height, channels, data } = tensorToImage(tensor);
  const rgb = new Uint8Array(width * height * 3);
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (let c = 0; c < 3; c++) rgb[pixel * 3 + c] = data[pixel * channels + (channels < 3 ? 0 : c)]!;
  }
  return { width, height, data: rgb };
}

function enlarge({ width, height, data }: RgbImage, scale: number): Buffer {
  const out = Buffer.alloc(width * height * 3 * scale * scale);
  const rowBytes = width * scale * 3;
  for (let row = 0; row < height; row++) {
    const start = row * scale * rowBytes;
    for (let column = 0; column < width; column++) {
      const from = (row * width + column) * 3;
      for (let copy = 0; copy < scale; copy++) {
        out.set(data.subarray(from, from + 3), start + (column * scale + copy) * 3);
      }
    }
    for (let copy = 1; copy < scale; copy++) out.copyWithin(start + copy * rowBytes, start, start + rowBytes);
  }
  return out;
}

/** The column titles as a picture as wide as the grid, or undefined where there are none or no fonts. */
async function titleBand(
  titles: readonly string[],
  lefts: readonly number[],
  cellWidth: number,
  width: number,
): Promise<{ png: Buffer; height: number } | undefined> {
  const longest = Math.max(0, ...titles.map((title) => title.length));
  if (longest === 0 || !(await hasFonts())) return undefined;
  // A letter of a sans-serif font is some 0.6 of its size wide.
  const size = Math.round(Math.max(8, Math.min(16, cellWidth / (0.6 * longest))));
  const height = Math.round(size * 1.6);
  const texts = lefts.flatMap((left) =>
    titles.map((title, column) => text(title, left + column * (cellWidth + GUTTER) + cellWidth / 2, size)),
  );
  return {
    png: await sharp(svg(width, height, texts.join("")))
      .png()
      .toBuffer(),
    height,
  };
}

function svg(width: number, height: number, content: string): Buffer {
  return Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${content}</svg>`,
  );
}

function text(title: string, x: number, size: number): string {
  const escaped = title.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const style = `text-anchor="middle" font-family="sans-serif" font-size="${size}" fill="#444"`;
  return `<text x="${x}" y="${Math.round(size * 1.2)}" ${style}>${escaped}</text>`;
}

let fonts: Promise<boolean> | undefined;

/** Without fonts every letter comes out as the same empty box. */
function hasFonts(): Promise<boolean> {
  fonts ??= Promise.all(
    ["i", "W"].map((letter) =>
      sharp(svg(32, 32, text(letter, 16, 16)))
        .raw()
        .toBuffer(),
    ),
  ).then(([narrow, wide]) => !narrow!.equals(wide!));
  return fonts;
}
