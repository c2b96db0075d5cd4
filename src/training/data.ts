import { checkDataset } from "../data/check.js";
import { createLoader } from "../data/loader.js";
import { PixcycleError } from "../errors.js";
import type { Options } from "../options/schema.js";
import { checkSize, type SampleSize } from "./sizes.js";
import type { TrainingData } from "./trainer.js";

/** Above this many images only their headers are looked into before the training, to begin without a long wait. */
const MOST_DECODED = 3000;

/**
 * Checks every image of the data set and starts loading it.
 * @throws the signal's reason when it is aborted before the end of the check; PixcycleError for the first problem, with the number of the others: `E_DATA_MISSING`, `E_DATA_EMPTY`,
 * `E_DATA_PAIR`, `E_DATA_SIZE`, `E_IMAGE_READ`, …
 */
export async function openTrainingData(options: Options, signal?: AbortSignal): Promise<TrainingData> {
  const sizes = (await checkImages(options, signal)).map(parseSize);
  for (const size of sizes) checkSize(size, options);
  const loader = await createLoader(options);
  return {
    batchesPerEpoch: loader.batches,
    largest: sizes.reduce((a, b) => (b.width * b.height > a.width * a.height ? b : a)),
    batches: (epoch, startBatch) => loader.epoch(epoch, startBatch),
    close: () => loader.close(),
  };
}

/** The sizes of the samples, as `width×height`. */
async function checkImages(options: Options, signal: AbortSignal | undefined): Promise<readonly string[]> {
  const found = await checkDataset(options, { signal });
  const decode = !options.continue_train && found.problems.length === 0 && found.images <= MOST_DECODED;
  const { problems, sizes } = decode ? await checkDataset(options, { decode, signal }) : found;
  signal?.throwIfAborted();
  const [first, ...others] = problems;
  if (first === undefined) return sizes;
  const more = others.length === 0 ? undefined : `(${others.length} more problems like this.)`;
  const hint = [first.hint, more].filter((part) => part !== undefined).join(" ");
  throw new PixcycleError(first.code, first.message, { hint, cause: first });
}

function parseSize(text: string): SampleSize {
  const [width = 0, height = 0] = text.split("×").map(Number);
  return { width, height };
}
