import { type Dataset, openDataset, type Sample } from "../data/dataset.js";
import { PixcycleError } from "../errors.js";
import { l1 } from "../evaluation/metrics.js";
import type { FloatTensor } from "../formats/tensor.js";
import type { Options } from "../options/schema.js";
import type { ModelRunner } from "../runtime/runner.js";

const PHASES = ["val", "test"];
const MOST_IMAGES = 50;

/**
 * Opens the images that a training is measured on: `val` of the data set, or `test`.
 * @returns how to measure: the mean L1 distance (of values in [−1, 1]) between output and truth for pix2pix, and
 * between an image and its translation there and back for CycleGAN
 * @throws PixcycleError E_DATA_MISSING if the data set has neither
 */
export async function openValidation(options: Options, runner: ModelRunner): Promise<() => Promise<number>> {
  const dataset = await openHeldOut(options);
  const count = Math.min(MOST_IMAGES, dataset.length);
  const measure = options.model === "pix2pix" ? distanceToTruth : distanceThereAndBack;
  return async () => {
    let sum = 0;
    for (let index = 0; index < count; index++) sum += await measure(runner, await dataset.sample(index, 0));
    return sum / count;
  };
}

async function openHeldOut(options: Options): Promise<Dataset> {
  const whole = { load_size: options.crop_size, no_flip: true, serial_batches: true };
  for (const phase of PHASES) {
    try {
      return await openDataset({ ...options, ...whole, phase });
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

async function distanceToTruth(runner: ModelRunner, { A, B }: Sample): Promise<number> {
  return distance(await runner.infer("net_G", batched(A)), B!);
}

async function distanceThereAndBack(runner: ModelRunner, { A, B }: Sample): Promise<number> {
  const rec_A = await runner.infer("net_G_B", await runner.infer("net_G_A", batched(A)));
  const rec_B = await runner.infer("net_G_A", await runner.infer("net_G_B", batched(B!)));
  return (distance(rec_A, A) + distance(rec_B, B!)) / 2;
}

function distance({ data }: FloatTensor, truth: FloatTensor): number {
  return l1({ shape: truth.shape, data }, truth);
}

/** [C, H, W] to [1, C, H, W]. */
function batched({ shape, data }: FloatTensor): FloatTensor {
  return { shape: [1, ...shape], data };
}
