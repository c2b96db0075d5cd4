import type { FloatTensor } from "../../formats/tensor.js";
import { flattenOnWhite } from "../channels.js";
import { decodeImage } from "../image.js";
import { imageToTensor } from "../pixels.js";
import { resizeBicubic } from "../resize.js";
import type { Examination } from "./examine.js";
import { type Looked, splitSides } from "./look.js";

/** Longest side of a thumbnail, in pixels. */
const THUMBNAIL = 128;

/**
 * The thumbnails of a contact sheet: in each row the images of a pair, or two of unpaired folders, or one. What was
 * noticed comes first, then samples from all over the set.
 *
 * @returns rows of [C, H, W] in [−1, 1]
 */
export async function contactSheet(
  { looked, findings }: Examination,
  count: number,
): Promise<FloatTensor[][]> {
  const rows = rowsOf(looked);
  const noticed = new Set(findings.flatMap(({ files }) => files.flatMap((file) => file.split(" = "))));
  const isNoticed = (row: readonly Looked[]) => row.some(({ path }) => noticed.has(path));
  // Half of it at most, so that the rest of the set is seen too.
  const first = rows.filter(isNoticed).slice(0, Math.ceil(count / 2));
  const rest = rows.filter((row) => !isNoticed(row));
  const wanted = Math.min(count - first.length, rest.length);
  const spread = Array.from({ length: wanted }, (_, i) => rest[Math.floor((i * rest.length) / wanted)]!);
  return Promise.all([...first, ...spread].map((row) => Promise.all(row.map(thumbnail))));
}

function rowsOf(looked: readonly Looked[]): Looked[][] {
  const rows = new Map<string, Looked[]>();
  const counts = new Map<string, number>();
  for (const image of looked) {
    const place = `${image.phase} ${image.side}`;
    const index = counts.get(place) ?? 0;
    counts.set(place, index + 1);
    const key = image.pair ?? `${image.phase} ${index}`;
    rows.set(key, [...(rows.get(key) ?? []), image]);
  }
  return [...rows.values()];
}

async function thumbnail({ path, side, pair, width }: Looked): Promise<FloatTensor> {
  const whole = flattenOnWhite(await decodeImage(path));
  const isHalf = pair === path && whole.width !== width;
  const image = isHalf ? splitSides(whole, path)[side === "A" ? 0 : 1] : whole;
  const scale = Math.min(1, THUMBNAIL / Math.max(image.width, image.height));
  const size = (length: number) => Math.max(1, Math.round(length * scale));
  const small = resizeBicubic(image, size(image.width), size(image.height));
  return imageToTensor(small);
}
