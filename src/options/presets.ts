import type { DataOptions, ModelName, ModelOptions, Options, PresetName } from "./schema.js";

/** What a preset decides: the model, its losses and optimiser, the data pipeline and the length of the training. */
export type PresetValues = Omit<ModelOptions & DataOptions, "dataroot" | "phase" | "seed" | "num_threads"> &
  Pick<Options, "n_epochs" | "n_epochs_decay">;

/** Values that both PyTorch presets share. */
const torch = {
  netD: "basic",
  n_layers_D: 3,
  ngf: 64,
  ndf: 64,
  init_type: "normal",
  init_gain: 0.02,
  input_nc: 3,
  output_nc: 3,
  upsample: "deconv",
  learn_residual: false,
  lambda_gp: 10,
  lambda_D: 0.5,
  lambda_L1: 100,
  lambda_A: 10,
  lambda_B: 10,
  lr: 0.0002,
  beta1: 0.5,
  adam_eps: 1e-8,
  lr_policy: "linear",
  lr_decay_iters: 50,
  direction: "AtoB",
  preprocess: "resize_and_crop",
  load_size: 286,
  crop_size: 256,
  no_flip: false,
  serial_batches: false,
  max_dataset_size: 0,
  batch_size: 1,
  n_epochs: 100,
  n_epochs_decay: 100,
} as const;

/** The defaults of https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix, one complete set per model. */
export const presets: Record<PresetName, PresetValues> = {
  "torch-pix2pix": {
    ...torch,
    model: "pix2pix",
    netG: "unet_256",
    norm: "batch",
    no_dropout: false,
    gan_mode: "vanilla",
    update_order: "D_first",
    lambda_identity: 0,
    pool_size: 0,
    dataset_mode: "aligned",
  },
  "torch-cyclegan": {
    ...torch,
    model: "cycle_gan",
    netG: "resnet_9blocks",
    norm: "instance",
    no_dropout: true,
    gan_mode: "lsgan",
    update_order: "together",
    lambda_identity: 0.5,
    pool_size: 50,
    dataset_mode: "unaligned",
  },
};

/** The preset that `--model` alone stands for. */
export const presetOfModel: Record<ModelName, PresetName> = {
  pix2pix: "torch-pix2pix",
  cycle_gan: "torch-cyclegan",
};

/** Defaults of what no preset decides. An empty `dataroot` means that none was given. */
export const defaults: Omit<Options, keyof PresetValues | "preset"> = {
  dataroot: "",
  phase: "train",
  seed: 0,
  num_threads: 2,
  name: "experiment",
  runs_dir: "runs",
  epoch_count: 1,
  max_steps: 0,
  continue_train: false,
  epoch: "latest",
  overwrite: false,
  save_epoch_freq: 5,
  save_latest_freq: 5000,
  print_freq: 100,
  display_freq: 400,
  device: "auto",
  threads: 0,
  max_memory: 0,
};
