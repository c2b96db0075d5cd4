import { PixcycleError } from "../errors.js";
import { createModel } from "../models/model.js";
import type { Options } from "../options/schema.js";

/** The size of a sample, in pixels. */
export interface SampleSize {
  readonly width: number;
  readonly height: number;
}

/**
 * Returns if every network of the model can be run on images of a size.
 * @throws PixcycleError E_DATA_SIZE naming the network
 */
export function checkSize({ width, height }: SampleSize, options: Options): void {
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
