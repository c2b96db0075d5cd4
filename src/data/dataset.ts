import { decodeImage } from "./image.js";
import type { ImageStore } from "./image-store.js";
import { type DatasetFiles, scanDataset } from "./layout.js";
import type { Dataset, DatasetOptions } from "./sample.js";
import { makeDataset } from "./samples.js";

export type { Dataset, DatasetOptions, Sample, SamplePaths } from "./sample.js";

/** A data set over files that `scanDataset` found; used by every loading thread. `store`: as for `makeDataset`. */
export function fileDataset(options: DatasetOptions, files: DatasetFiles, store?: ImageStore): Dataset {
  return makeDataset(options, files, (path) => decodeImage(path), store);
}

/** The files of a data set, whole: a pair that does not match is an error here. */
export async function findFiles(options: DatasetOptions): Promise<DatasetFiles> {
  const { files, errors } = await scanDataset(options);
  if (errors.length > 0) throw errors[0];
  return files;
}

/**
 * Opens a data set (see `scanDataset` for the folders it looks for). Only names are read; `checkDataset` looks into
 * the files. Errors: `E_DATA_MISSING`, `E_DATA_EMPTY`, `E_DATA_PAIR`.
 */
export async function openDataset(options: DatasetOptions): Promise<Dataset> {
  return fileDataset(options, await findFiles(options));
}
