import type { FloatTensor } from "../formats/tensor.js";
import type { DataOptions, NetworkOptions } from "../options/schema.js";

/** What decides a data set and its samples. */
export type DatasetOptions = Pick<
  DataOptions,
  | "dataroot"
  | "dataset_mode"
  | "phase"
  | "direction"
  | "preprocess"
  | "load_size"
  | "crop_size"
  | "no_flip"
  | "serial_batches"
  | "max_dataset_size"
  | "seed"
> &
  Partial<Pick<DataOptions, "interpolation">> &
  Pick<NetworkOptions, "input_nc" | "output_nc">;

/** Where a sample came from; `B` is missing for `single`, and equals `A` where one file makes both. */
export interface SamplePaths {
  readonly A: string;
  readonly B?: string;
}

/**
 * One sample, [C, H, W] in [−1, 1]; for `colorization` as `colorizationSample` says. `A` is the model's input and `B` its target or other domain, whatever the
 * folders are called: `direction` is already applied.
 */
export interface Sample {
  readonly A: FloatTensor;
  readonly B?: FloatTensor;
  readonly paths: SamplePaths;
}

/** A data set whose samples depend on nothing but (options, epoch, index). */
export interface Dataset {
  readonly length: number;
  /** Loads sample `index` (0 … length − 1) of an epoch. Errors name the file: `E_IMAGE_READ`, `E_IMAGE_SIZE`, `E_DATA_SIZE`. */
  sample(index: number, epoch: number): Promise<Sample>;
}
