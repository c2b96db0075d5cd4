import { checkDataset } from "../data/check.js";
import { createLoader } from "../data/loader.js";
import { PixcycleError } from "../errors.js";
import { createModel } from "../models/model.js";
import type { Options } from "../options/schema.js";
import type { TrainingData } from "./trainer.js";

/** Above this many images only their headers are looked into before the training, to begin without a long wait. */
const MOST_DECODED = 3000;

/**
 * Checks every image of the data set and starts loading it.
 * @throws PixcycleError for the first problem, with the number of the others: `E_DATA_MISSING`, `E_DATA_EMPTY`,
 * `E_DATA_PAIR`, `E_DATA_SIZE`, `E_IMAGE_READ`, …
 */
export async function openTrainingData(options: Options): Promise<TrainingData> {
  if (!options.continue_train) await checkImages(options);
  const loader = await createLoader(options);
  return {
    batchesPerEpoch: loader.batches,
    batches: (epoch, startBatch) => loader.epoch(epoch, startBatch),
    close: () => loader.close(),
  };
}

async function checkImages(options: Options): Promise<void> {
  const found = await checkDataset(options);
  const mayDecode = found.problems.length === 0 && found.images <= MOST_DECODED;
  const { problems, sizes } = mayDecode ? await checkDataset(options, { decode: true }) : found;
  const [first, ...others] = problems;
  if (first !== undefined) {
    const more = others.length === 0 ? "" : `(${others.length} more problems like this.)`;
    const hint = [first.hint, more].filter((part) => part !== undefined && part !== "").join(" ");
    throw new PixcycleError(first.code, first.message, { hint, cause: first });
  }
  for (const size of sizes) checkSize(size, options);
}

/** Whether every network of the model can be run on images of a size, `width×height`. */
function checkSize(size: string, options: Options): void {
  const sides = size.split("×").map(Number);
  for (const { name, divisor, minimumSize } of createModel(options).networks) {
    if (sides.some((side) => side % divisor !== 0)) {
      throw new PixcycleError(
        "E_DATA_SIZE",
        `${name} needs sides that are multiples of ${divisor}, got ${size}.`,
        {
          hint: "Use --preprocess resize_and_crop, or another --netG.",
        },
      );
    }
    if (sides.some((side) => side < minimumSize)) {
      throw new PixcycleError("E_DATA_SIZE", `${name} needs sides of ${minimumSize} or more, got ${size}.`, {
        hint: "Use a larger --crop_size, or --netD n_layers with a smaller --n_layers_D.",
      });
    }
  }
}
