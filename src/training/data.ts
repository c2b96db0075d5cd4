import { checkDataset } from "../data/check.js";
import type { DatasetReport } from "../data/check-files.js";
import { createLoader } from "../data/loader.js";
import type { Options } from "../options/schema.js";
import { acceptImages } from "./sizes.js";
import type { TrainingData } from "./trainer.js";

/** Above this many images only their headers are looked into before the training, to begin without a long wait. */
const MOST_DECODED = 3000;

/**
 * Checks every image of the data set and starts loading it.
 * @throws the signal's reason when it is aborted before the end of the check; PixcycleError for the first problem, with the number of the others: `E_DATA_MISSING`, `E_DATA_EMPTY`,
 * `E_DATA_PAIR`, `E_DATA_SIZE`, `E_IMAGE_READ`, …
 */
export async function openTrainingData(options: Options, signal?: AbortSignal): Promise<TrainingData> {
  const largest = acceptImages(await examine(options, signal), options);
  const loader = await createLoader(options);
  return {
    batchesPerEpoch: loader.batches,
    largest,
    batches: (epoch, startBatch) => loader.epoch(epoch, startBatch),
    close: () => loader.close(),
  };
}

/** Looks into the images: whole, where they are new to the run and not too many. */
async function examine(options: Options, signal: AbortSignal | undefined): Promise<DatasetReport> {
  const found = await checkDataset(options, { signal });
  const decode = !options.continue_train && found.problems.length === 0 && found.images <= MOST_DECODED;
  const report = decode ? await checkDataset(options, { decode, signal }) : found;
  signal?.throwIfAborted();
  return report;
}
