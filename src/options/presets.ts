import type { DataOptions, ModelName, ModelOptions, Options, PresetName } from "./schema.js";

/** What a preset decides: the model, its losses and optimiser, the data pipeline and the length of the training. */
export type PresetValues = Omit<
  ModelOptions & DataOptions,
  "dataroot" | "phase" | "seed" | "num_threads" | "image_memory"
> &
  Pick<Options, "n_epochs" | "n_epochs_decay" | "max_steps" | "save_epoch_freq">;

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
  norm_D: "same",
  norm_eps: 1e-5,
  norm_momentum: 0.1,
  leaky_slope: 0.2,
  net_style: "torch",
  learn_residual: false,
  lambda_gp: 10,
  lambda_D: 0.5,
  lambda_L1: 100,
  lambda_A: 10,
  lambda_B: 10,
  lr: 0.0002,
  beta1: 0.5,
  adam_eps: 1e-8,
  adam_form: "torch",
  lr_policy: "linear",
  lr_decay_iters: 50,
  direction: "AtoB",
  preprocess: "resize_and_crop",
  interpolation: "bicubic",
  load_size: 286,
  crop_size: 256,
  no_flip: false,
  serial_batches: false,
  max_dataset_size: 0,
  batch_size: 1,
  n_epochs: 100,
  n_epochs_decay: 100,
  max_steps: 0,
  save_epoch_freq: 5,
} as const;

/**
 * Values that both TensorFlow tutorials share: the same U-Net and PatchGAN by Keras' conventions, nearest
 * neighbours, one rate all along, and no pool.
 */
const tensorflow = {
  ...torch,
  netG: "unet_256",
  net_style: "tf",
  leaky_slope: 0.3,
  no_dropout: false,
  gan_mode: "vanilla",
  update_order: "together",
  pool_size: 0,
  adam_eps: 1e-7,
  adam_form: "keras",
  interpolation: "nearest",
  n_epochs_decay: 0,
} as const;

const torchPix2pix = {
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
} as const;

const torchCycleGan = {
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
} as const;

/** The small generator of GAN Compression (Li et al., 2020), for CPUs and phones. */
const mobile = { netG: "mobile_resnet_9blocks", ngf: 32, norm: "instance", no_dropout: true } as const;

/**
 * The defaults of https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix (torch-…), the same with a small generator
 * (mobile-…), of TensorFlow's tutorials pix2pix and CycleGAN (tf-…), and of a CycleGAN on VGG16 (vgg-…), each a
 * complete set.
 */
export const presets: Record<PresetName, PresetValues> = {
  "torch-pix2pix": torchPix2pix,
  "torch-cyclegan": torchCycleGan,
  "mobile-pix2pix": { ...torchPix2pix, ...mobile },
  "mobile-cyclegan": { ...torchCycleGan, ...mobile },
  "tf-pix2pix": {
    ...tensorflow,
    model: "pix2pix",
    norm: "batch",
    norm_eps: 1e-3,
    norm_momentum: 0.01,
    lambda_D: 1,
    lambda_identity: 0,
    // The tutorial's pairs have the photograph on the left and the input on the right.
    direction: "BtoA",
    dataset_mode: "aligned",
    // As many epochs as the steps need, however few the pairs.
    n_epochs: 40_000,
    max_steps: 40_000,
    save_epoch_freq: 10,
  },
  "tf-cyclegan": {
    ...tensorflow,
    model: "cycle_gan",
    norm: "instance_affine",
    lambda_identity: 0.5,
    dataset_mode: "unaligned",
    n_epochs: 200,
  },
  "vgg-cyclegan": {
    ...torch,
    model: "cycle_gan",
    netG: "vgg16_unet",
    netD: "strided",
    n_layers_D: 4,
    norm: "instance_affine",
    norm_eps: 1e-3,
    no_dropout: true,
    gan_mode: "lsgan",
    update_order: "together",
    lambda_identity: 0.1,
    pool_size: 0,
    adam_eps: 1e-7,
    adam_form: "keras",
    dataset_mode: "unaligned",
    n_epochs: 200,
    n_epochs_decay: 0,
  },
};

/** The preset that `--model` alone stands for. */
export const presetOfModel: Record<ModelName, PresetName> = {
  pix2pix: "torch-pix2pix",
  cycle_gan: "torch-cyclegan",
};

/** Defaults of what no preset decides. An empty `dataroot` or `vgg_weights` means that none was given. */
export const defaults: Omit<Options, keyof PresetValues | "preset"> = {
  dataroot: "",
  phase: "train",
  seed: 0,
  num_threads: 2,
  image_memory: -1,
  name: "experiment",
  runs_dir: "runs",
  epoch_count: 1,
  vgg_weights: "",
  continue_train: false,
  epoch: "latest",
  overwrite: false,
  save_latest_freq: 5000,
  val_freq: 0,
  early_stop: 0,
  print_freq: 100,
  display_freq: 400,
  device: "auto",
  threads: 0,
  conv: "auto",
  checkpointing: false,
  fp16: false,
  max_memory: 0,
};
