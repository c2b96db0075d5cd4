import type { Dataset, Sample } from "../data/sample.js";
import { l1 } from "../evaluation/metrics.js";
import type { FloatTensor } from "../formats/tensor.js";
import type { Options } from "../options/schema.js";
import type { ModelRunner } from "../runtime/runner.js";

const MOST_IMAGES = 50;

/** The options of images that are measured on: whole, and always the same. */
export const heldOutOptions = (options: Options): Options => ({
  ...options,
  ...{ load_size: options.crop_size, no_flip: true, serial_batches: true },
});

/**
 * The mean L1 distance (of values in [0, 1]) on images that are not trained on: between output and truth for pix2pix,
 * and between an image and its translation there and back for CycleGAN.
 */
export async function meanDistance(
  dataset: Dataset,
  { model }: Pick<Options, "model">,
  runner: ModelRunner,
): Promise<number> {
  const count = Math.min(MOST_IMAGES, dataset.length);
  const measure = model === "pix2pix" ? distanceToTruth : distanceThereAndBack;
  let sum = 0;
  for (let index = 0; index < count; index++) sum += await measure(runner, await dataset.sample(index, 0));
  return sum / count;
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
