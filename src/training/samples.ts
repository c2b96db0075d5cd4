import { join } from "node:path";
import { type Coding, colorizationCoding, sampleCoding } from "../data/coding.js";
import { imageToTensor } from "../data/pixels.js";
import { composeGrid } from "../evaluation/grid.js";
import { writeFileAtomic } from "../formats/atomic.js";
import type { FloatTensor } from "../formats/tensor.js";
import type { Options } from "../options/schema.js";

/** The columns of a sample grid, as far as the model has them. */
const COLUMNS = ["real_A", "fake_B", "rec_A", "idt_B", "real_B", "fake_A", "rec_B", "idt_A"];
const MOST_ROWS = 4;

/**
 * Writes the images of a step as one PNG, a row for each of the batch's first images; in colorization, the input's
 * lightness in gray, and with the colours that were found and those that are true.
 * @param images by the reference's names, NCHW as the networks have them
 * @returns the file's path, `step-00000400.png` in `folder`
 */
export async function writeSampleGrid(
  folder: string,
  step: number,
  images: Readonly<Record<string, FloatTensor>>,
  options: Pick<Options, "dataset_mode" | "input_nc" | "output_nc">,
): Promise<string> {
  const columns = COLUMNS.filter((name) => images[name] !== undefined);
  const count = Math.min(MOST_ROWS, ...columns.map((name) => images[name]!.shape[0] ?? 0));
  const coding = codingOf(options);
  const rows = Array.from({ length: count }, (_, i) => {
    const input = imageOf(images.real_A!, i);
    return columns.map((name) =>
      imageToTensor(
        name === "real_A" ? coding.show(input, 8) : coding.decode(imageOf(images[name]!, i), input, 8),
      ),
    );
  });
  const path = join(folder, `step-${String(step).padStart(8, "0")}.png`);
  await writeFileAtomic(path, await composeGrid(rows, { columns }));
  return path;
}

const codingOf = ({
  dataset_mode,
  input_nc,
  output_nc,
}: Pick<Options, "dataset_mode" | "input_nc" | "output_nc">): Coding =>
  dataset_mode === "colorization"
    ? colorizationCoding
    : sampleCoding({ inputChannels: input_nc, outputChannels: output_nc });

/** Image `index` of a batch, [C, H, W]. */
function imageOf({ shape, data }: FloatTensor, index: number): FloatTensor {
  const image = shape.slice(1);
  const size = image.reduce((product, extent) => product * extent, 1);
  return { shape: image, data: data.subarray(index * size, (index + 1) * size) };
}
