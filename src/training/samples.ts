import { join } from "node:path";
import { composeGrid } from "../evaluation/grid.js";
import { writeFileAtomic } from "../formats/atomic.js";
import type { FloatTensor } from "../formats/tensor.js";

/** The columns of a sample grid, as far as the model has them. */
const COLUMNS = ["real_A", "fake_B", "rec_A", "idt_B", "real_B", "fake_A", "rec_B", "idt_A"];
const MOST_ROWS = 4;

/**
 * Writes the images of a step as one PNG, a row for each of the batch's first images.
 * @param images by the reference's names, NCHW in [−1, 1]
 * @returns the file's path, `step-00000400.png` in `folder`
 */
export async function writeSampleGrid(
  folder: string,
  step: number,
  images: Readonly<Record<string, FloatTensor>>,
): Promise<string> {
  const columns = COLUMNS.filter((name) => images[name] !== undefined);
  const count = Math.min(MOST_ROWS, ...columns.map((name) => images[name]!.shape[0] ?? 0));
  const rows = Array.from({ length: count }, (_, i) => columns.map((name) => imageOf(images[name]!, i)));
  const path = join(folder, `step-${String(step).padStart(8, "0")}.png`);
  await writeFileAtomic(path, await composeGrid(rows, { columns }));
  return path;
}

/** Image `index` of a batch, [C, H, W]. */
function imageOf({ shape, data }: FloatTensor, index: number): FloatTensor {
  const image = shape.slice(1);
  const size = image.reduce((product, extent) => product * extent, 1);
  return { shape: image, data: data.subarray(index * size, (index + 1) * size) };
}
