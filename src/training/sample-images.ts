import { type Coding, colorizationCoding, sampleCoding } from "../data/coding.js";
import type { Image } from "../data/pixels.js";
import type { FloatTensor } from "../formats/tensor.js";
import type { Options } from "../options/schema.js";

/** The columns of a sample grid, as far as the model has them. */
const COLUMNS = ["real_A", "fake_B", "rec_A", "idt_B", "real_B", "fake_A", "rec_B", "idt_A"];
const MOST_ROWS = 4;

/** Images to look at: a row for each of a batch's first images, its columns by the reference's names. */
export interface SampleImages {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Image[])[];
}

/**
 * The images of a step as 8-bit images; in colorization, the input's lightness in gray, and with the colours that were
 * found and those that are true.
 * @param images by the reference's names, NCHW as the networks have them
 */
export function sampleImages(
  images: Readonly<Record<string, FloatTensor>>,
  options: Pick<Options, "dataset_mode" | "input_nc" | "output_nc">,
): SampleImages {
  const columns = COLUMNS.filter((name) => images[name] !== undefined);
  const count = Math.min(MOST_ROWS, ...columns.map((name) => images[name]!.shape[0] ?? 0));
  const coding = codingOf(options);
  const rows = Array.from({ length: count }, (_, i) => {
    const input = imageOf(images.real_A!, i);
    return columns.map((name) =>
      name === "real_A" ? coding.show(input, 8) : coding.decode(imageOf(images[name]!, i), input, 8),
    );
  });
  return { columns, rows };
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
