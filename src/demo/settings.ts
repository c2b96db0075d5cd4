import { availableParallelism } from "node:os";
import type { OptionValues } from "../options/resolve.js";
import type { ModelName, Options } from "../options/schema.js";

/**
 * What both demos share. The generator adds to its input, so that edges need not be learned. Icons are enlarged and
 * shifted a little, to make more of few; the light comes from the right in all of them, so they are not flipped.
 */
const shared: OptionValues = {
  netG: "unet_64",
  netD: "n_layers",
  n_layers_D: 2,
  upsample: "resize-conv",
  no_dropout: true,
  learn_residual: true,
  no_flip: true,
  crop_size: 64,
  lr: 0.0003,
  num_threads: 1,
  // More would wait for each other: the work of a step is small.
  threads: Math.min(2, availableParallelism()),
  display_freq: 500,
  save_epoch_freq: 1_000_000,
};

/** The settings that gave the best pictures in a few minutes on two cores; docs/benchmarks.md says what was tried. */
export const demoSettings: Readonly<Record<ModelName, OptionValues>> = {
  // The weight on L1 keeps so few icons from being memorised with the discriminator's inventions.
  pix2pix: {
    ...shared,
    model: "pix2pix",
    dataset_mode: "aligned",
    // Without a norm the colours of an icon reach its output as they are.
    norm: "none",
    ngf: 24,
    ndf: 16,
    batch_size: 2,
    load_size: 80,
    lambda_L1: 500,
  },
  cycle_gan: {
    ...shared,
    model: "cycle_gan",
    dataset_mode: "unaligned",
    norm: "none",
    // It sees light better in images that are normalised.
    norm_D: "instance",
    ngf: 16,
    ndf: 32,
    load_size: 72,
    // Light is new on the way there and lost on the way back: the cycle must not forbid it.
    lambda_A: 2,
    lambda_B: 2,
    lambda_identity: 0.5,
  },
};

/** The schedule of a training of `steps`: the rate is held for the first half of the epochs, then falls to zero. */
export function demoSchedule(
  steps: number,
  batchesPerEpoch: number,
): Pick<Options, "max_steps" | "n_epochs" | "n_epochs_decay"> {
  const epochs = Math.ceil(steps / batchesPerEpoch);
  const n_epochs = Math.floor(epochs / 2);
  return { max_steps: steps, n_epochs, n_epochs_decay: epochs - n_epochs };
}
