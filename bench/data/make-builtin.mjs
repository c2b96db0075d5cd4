// node bench/data/make-builtin.mjs
// Rebuilds assets/builtin: 256 icons at 64 px in three aligned styles, each style one sheet of 16×16 icons.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { namesOf, TEST_ICONS, TRAIN_ICONS } from "./builtin-icons.mjs";
import { alphaIoU, iconifySet, onWhite, webpSet } from "./icons.mjs";
import { PACKAGES, REPOSITORY } from "./packages.mjs";

const SIZE = 64;
const COLUMNS = 16;
const MINIMUM_IOU = 0.8;

const sets = {
  line: await iconifySet(PACKAGES.lineArt),
  flat: await iconifySet(PACKAGES.flat),
  "3d": await webpSet(PACKAGES.render3d),
};
const keys = new Map([...sets.flat].map(([key, { name }]) => [name, key]));
const icons = [
  ...namesOf(TRAIN_ICONS).map((name) => ({ name, split: "train" })),
  ...namesOf(TEST_ICONS).map((name) => ({ name, split: "test" })),
].map((icon) => ({ ...icon, codepoints: keys.get(icon.name) }));
if (new Set(icons.map(({ name }) => name)).size !== COLUMNS ** 2) {
  throw new Error(`${icons.length} icons, or doubles among them, do not fill the sheet`);
}

function sheet(rasters) {
  const width = COLUMNS * SIZE;
  const rgb = new Uint8Array(width * width * 3);
  for (const [index, raster] of rasters.entries()) {
    const tile = onWhite(raster);
    const left = (index % COLUMNS) * SIZE;
    const top = Math.floor(index / COLUMNS) * SIZE;
    for (let row = 0; row < SIZE; row++) {
      rgb.set(tile.subarray(row * SIZE * 3, (row + 1) * SIZE * 3), ((top + row) * width + left) * 3);
    }
  }
  return sharp(rgb, { raw: { width, height: width, channels: 3 } });
}

const rasters = {};
for (const [style, set] of Object.entries(sets)) {
  rasters[style] = await Promise.all(icons.map(({ codepoints }) => set.get(codepoints).raster(SIZE)));
}
for (const [index, { name }] of icons.entries()) {
  const iou = alphaIoU(rasters.flat[index], rasters["3d"][index]);
  if (iou < MINIMUM_IOU) throw new Error(`${name}: its styles overlap by ${iou.toFixed(2)} only`);
}

const folder = join(REPOSITORY, "assets", "builtin");
await mkdir(folder, { recursive: true });
// Palettes without dithering, whose noise a network would learn. The renders have too many colours for a palette:
// near-lossless, they differ by at most 8 of 255 levels at a third of a lossless file's size.
const palette = { palette: true, dither: 0, effort: 10 };
await sheet(rasters.line)
  .greyscale()
  .png({ ...palette, colours: 16 })
  .toFile(join(folder, "line.png"));
await sheet(rasters.flat)
  .png({ ...palette, colours: 256 })
  .toFile(join(folder, "flat.png"));
const render = sheet(rasters["3d"]).webp({ nearLossless: true, quality: 20, effort: 6 });
await render.toFile(join(folder, "3d.webp"));
const about = {
  size: SIZE,
  columns: COLUMNS,
  styles: { line: "line.png", flat: "flat.png", "3d": "3d.webp" },
  icons,
};
await writeFile(join(folder, "icons.json"), `${JSON.stringify(about)}\n`);
