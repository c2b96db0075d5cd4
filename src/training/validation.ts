import { type Dataset, openDataset } from "../data/dataset.js";
import { PixcycleError } from "../errors.js";
import type { Options } from "../options/schema.js";
import type { ModelRunner } from "../runtime/runner.js";
import { heldOutOptions, meanDistance } from "./held-out.js";

const PHASES = ["val", "test"];

/**
 * Opens the images that a training is measured on: `val` of the data set, or `test`.
 * @returns how to measure (see `meanDistance`)
 * @throws PixcycleError E_DATA_MISSING if the data set has neither
 */
export async function openValidation(options: Options, runner: ModelRunner): Promise<() => Promise<number>> {
  const dataset = await openHeldOut(options);
  return () => meanDistance(dataset, options, runner);
}

async function openHeldOut(options: Options): Promise<Dataset> {
  for (const phase of PHASES) {
    try {
      return await openDataset({ ...heldOutOptions(options), phase });
    } catch (error) {
      if (!(error instanceof PixcycleError) || error.code !== "E_DATA_MISSING") throw error;
    }
  }
  throw new PixcycleError(
    "E_DATA_MISSING",
    `Validation needs images that are not trained on, ${options.dataroot} has neither val nor test.`,
    { hint: "Add them, or use neither --val_freq nor --lr_policy plateau." },
  );
}
