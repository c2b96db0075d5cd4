// Paired icon sets: one picture drawn in two styles by the same designers.
import { alphaIoU, iconifySet, isHeldOut, onWhite, webpSet } from "./icons.mjs";
import { PACKAGES } from "./packages.mjs";

/** Below this overlap the 3D render shows another pose or another object than the flat icon. */
const MINIMUM_IOU = 0.8;

async function* pairs(a, b, size, minimumIoU) {
  for (const [key, iconA] of a) {
    const iconB = b.get(key);
    if (iconB === undefined) continue;
    const [rasterA, rasterB] = await Promise.all([iconA.raster(size), iconB.raster(size)]);
    if (minimumIoU > 0 && alphaIoU(rasterA, rasterB) < minimumIoU) continue;
    const split = isHeldOut(key) ? "test" : "train";
    yield { split: `${split}A`, name: key, size, rgb: onWhite(rasterA) };
    yield { split: `${split}B`, name: key, size, rgb: onWhite(rasterB) };
  }
}

/** Flat colour icons → 3D renders; 1290 training and 159 test pairs. */
export async function* fluent3d(size) {
  yield* pairs(await iconifySet(PACKAGES.flat), await webpSet(PACKAGES.render3d), size, MINIMUM_IOU);
}

/** Black line art → flat colour icons; 1594 pairs. */
export async function* fluentColor(size) {
  yield* pairs(await iconifySet(PACKAGES.lineArt), await iconifySet(PACKAGES.flat), size, 0);
}
