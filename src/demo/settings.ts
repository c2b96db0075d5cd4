import type { OptionValues } from "../options/resolve.js";
import type { ModelName, Options } from "../options/schema.js";

/**
 * What both demos share. Shifting the icons a little makes more of few; the light comes from the right in all of them, so
 * that a flipped one would teach what is not so. The generator adds to its input: edges need not be learned.
 */
const shared: OptionValues = {
  load_size: 72,
  crop_size: 64,
  num_threads: 1,
  upsample: "resize-conv",
  norm: "instance",
  no_dropout: true,
  learn_residual: true,
  no_flip: true,
  print_freq: 100,
  display_freq: 500,
  save_epoch_freq: 1_000_000,
};

/** The settings that gave the best pictures in a few minutes on two cores; docs/demo.md has what was tried. */
export const demoSettings: Readonly<Record<ModelName, OptionValues>> = {
  pix2pix: {
    ...shared,
    model: "pix2pix",
    dataset_mode: "aligned",
    netG: "unet_64",
    ngf: 32,
    netD: "n_layers",
    n_layers_D: 2,
    ndf: 32,
    batch_size: 4,
    lr: 0.001,
  },
  cycle_gan: {
    ...shared,
    model: "cycle_gan",
    dataset_mode: "unaligned",
    netG: "resnet_6blocks",
    ngf: 16,
    netD: "n_layers",
    n_layers_D: 2,
    ndf: 16,
    lr: 0.0005,
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
