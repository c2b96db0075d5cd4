// Reads the icon sets of the emoji packages and rasterises them at one size.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { npmPackage } from "./packages.mjs";

/**
 * An icon set: code-point key → a function that rasterises the icon to straight-alpha RGBA.
 * @typedef {{ size: number, rgba: Uint8Array }} Raster
 * @typedef {Map<string, { name: string, raster: (size: number) => Promise<Raster> }>} IconSet
 */

const SKIN_TONE = /(^|-)1f3f[b-f](-|$)/;

/**
 * One spelling for a code-point sequence: lower case, no variation selector, no leading zeros.
 * @param {string} key
 */
export function normaliseKey(key) {
  return key
    .toLowerCase()
    .split("-")
    .filter((part) => part !== "fe0f")
    .map((part) => part.replace(/^0+/, ""))
    .join("-");
}

async function rasterise(input, size) {
  const { data } = await sharp(input)
    .resize(size, size, { fit: "contain", background: { r: 255, g: 255, b: 255, alpha: 0 } })
    .ensureAlpha()
    .toColourspace("srgb")
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { size, rgba: new Uint8Array(data) };
}

/**
 * A set from an Iconify JSON package; one-coloured sets are drawn in black.
 * @param {string} spec
 * @returns {Promise<IconSet>}
 */
export async function iconifySet(spec) {
  const folder = await npmPackage(spec);
  const file = JSON.parse(await readFile(join(folder, "icons.json"), "utf8"));
  const chars = JSON.parse(await readFile(join(folder, "chars.json"), "utf8"));
  const set = new Map();
  for (const [key, name] of Object.entries(chars)) {
    const icon = file.icons[name] ?? file.icons[file.aliases?.[name]?.parent];
    if (icon === undefined || icon.hidden || SKIN_TONE.test(key)) continue;
    const { left = 0, top = 0, width = file.width, height = file.height } = icon;
    const raster = (size) => {
      const svg = `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" color="#000" width="${size}" height="${size}" viewBox="${left} ${top} ${width} ${height}">${icon.body}</svg>`;
      return rasterise(Buffer.from(svg), size);
    };
    set.set(normaliseKey(key), { name, raster });
  }
  return set;
}

/**
 * A set from a package that holds one WebP file per code-point sequence.
 * @param {string} spec
 * @returns {Promise<IconSet>}
 */
export async function webpSet(spec) {
  const folder = join(await npmPackage(spec), "assets");
  const set = new Map();
  for (const file of (await readdir(folder)).sort()) {
    if (!file.endsWith(".webp") || SKIN_TONE.test(file.slice(0, -5).toLowerCase())) continue;
    const key = normaliseKey(file.slice(0, -5));
    set.set(key, { name: key, raster: (size) => rasterise(join(folder, file), size) });
  }
  return set;
}

/**
 * Intersection over union of two icons' silhouettes (alpha ≥ half).
 * @param {Raster} a
 * @param {Raster} b
 */
export function alphaIoU(a, b) {
  let both = 0;
  let either = 0;
  for (let i = 3; i < a.rgba.length; i += 4) {
    const inA = a.rgba[i] >= 128;
    const inB = b.rgba[i] >= 128;
    if (inA && inB) both++;
    if (inA || inB) either++;
  }
  return either === 0 ? 0 : both / either;
}

/**
 * The icon on white, three bytes a pixel.
 * @param {Raster} raster
 */
export function onWhite({ size, rgba }) {
  const rgb = new Uint8Array(size * size * 3);
  for (let i = 0; i < size * size; i++) {
    const alpha = rgba[i * 4 + 3] / 255;
    for (let c = 0; c < 3; c++) rgb[i * 3 + c] = Math.round(255 + (rgba[i * 4 + c] - 255) * alpha);
  }
  return rgb;
}

/**
 * Whether a key is held out: a single code point that is 3 modulo 8. Clock faces stay in training, since
 * twenty-three near copies of each would be seen there.
 * @param {string} key
 */
export function isHeldOut(key) {
  if (key.includes("-")) return false;
  const codePoint = Number.parseInt(key, 16);
  return codePoint % 8 === 3 && !(codePoint >= 0x1f550 && codePoint <= 0x1f567);
}
