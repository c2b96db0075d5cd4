import type { DatasetReport } from "../data/check-files.js";
import { PixcycleError } from "../errors.js";
import { createModel } from "../models/model.js";
import type { Options } from "../options/schema.js";

/** The size of a sample, in pixels. */
export interface SampleSize {
  readonly width: number;
  readonly height: number;
}

/**
 * Takes images whose check found nothing, and that every network of the model can be run on.
 * @returns the size of the largest sample
 * @throws PixcycleError for the first problem, with the number of the others; E_DATA_SIZE naming the network
 */
export function acceptImages({ problems, sizes: found }: DatasetReport, options: Options): SampleSize {
  const [first, ...others] = problems;
  if (first !== undefined) {
    const more = others.length === 0 ? undefined : `(${others.length} more problems like this.)`;
    const hint = [first.hint, more].filter((part) => part !== undefined).join(" ");
    throw new PixcycleError(first.code, first.message, { hint, cause: first });
  }
  const sizes = found.map(parseSize);
  for (const size of sizes) checkSize(size, options);
  return sizes.reduce((a, b) => (b.width * b.height > a.width * a.height ? b : a));
}

function parseSize(text: string): SampleSize {
  const [width = 0, height = 0] = text.split("×").map(Number);
  return { width, height };
}

/**
 * Returns if every network of the model can be run on images of a size.
 * @throws PixcycleError E_DATA_SIZE naming the network
 */
function checkSize({ width, height }: SampleSize, options: Options): void {
  for (const { name, divisor, minimumSize } of createModel(options).networks) {
    if (width % divisor !== 0 || height % divisor !== 0) {
      throw new PixcycleError(
        "E_DATA_SIZE",
        `${name} needs sides that are multiples of ${divisor}, got ${width}×${height}.`,
        { hint: "Use --preprocess resize_and_crop, or another --netG." },
      );
    }
    if (width < minimumSize || height < minimumSize) {
      throw new PixcycleError(
        "E_DATA_SIZE",
        `${name} needs sides of ${minimumSize} or more, got ${width}×${height}.`,
        { hint: "Use a larger --crop_size, or --netD n_layers with a smaller --n_layers_D." },
      );
    }
  }
}
