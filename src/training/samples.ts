import { join } from "node:path";
import { imageToTensor } from "../data/pixels.js";
import { composeGrid } from "../evaluation/grid.js";
import { writeFileAtomic } from "../formats/atomic.js";
import type { FloatTensor } from "../formats/tensor.js";
import type { Options } from "../options/schema.js";
import { sampleImages } from "./sample-images.js";

/**
 * Writes the images of a step as one PNG, as `sampleImages` has them.
 * @param images by the reference's names, NCHW as the networks have them
 * @returns the file's path, `step-00000400.png` in `folder`
 */
export async function writeSampleGrid(
  folder: string,
  step: number,
  images: Readonly<Record<string, FloatTensor>>,
  options: Pick<Options, "dataset_mode" | "input_nc" | "output_nc">,
): Promise<string> {
  const { columns, rows } = sampleImages(images, options);
  const tensors = rows.map((row) => row.map((image) => imageToTensor(image)));
  const path = join(folder, `step-${String(step).padStart(8, "0")}.png`);
  await writeFileAtomic(path, await composeGrid(tensors, { columns }));
  return path;
}
