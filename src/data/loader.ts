import { PixcycleError } from "../errors.js";
import { loadBatch } from "./batch.js";
import { type BatchSource, Loader, type LoaderOptions } from "./batches.js";
import { fileDataset, findFiles } from "./dataset.js";
import { ImageMemory, imageBudget } from "./image-memory.js";
import { startLoaderThreads } from "./loader-threads.js";

export type { LoadedBatch } from "./batch.js";
export { Loader, type LoaderOptions } from "./batches.js";

/**
 * Opens a data set of pairs or of two domains and starts `num_threads` threads that decode and augment ahead of the
 * training (0: in this thread, on demand). Images stay in memory as `image_memory` allows; without the option they do not.
 * Close it in the end.
 * Errors: `E_DATA_MISSING`, `E_DATA_EMPTY`, `E_DATA_PAIR`; `E_OPTION_CONFLICT` for `dataset_mode single`.
 */
export async function createLoader(options: LoaderOptions): Promise<Loader> {
  if (options.dataset_mode === "single") {
    throw new PixcycleError("E_OPTION_CONFLICT", "dataset_mode single has no target to train on.", {
      hint: "Use aligned or unaligned.",
    });
  }
  const files = await findFiles(options);
  const budget = imageBudget(options.image_memory ?? 0);
  const dataset = fileDataset(options, files, new ImageMemory(budget));
  const source: BatchSource =
    options.num_threads === 0
      ? { load: (epoch, indices) => loadBatch(dataset, epoch, indices), close: async () => undefined }
      : startLoaderThreads(options.num_threads, { options, files, budget });
  return new Loader(options, dataset.length, source);
}
