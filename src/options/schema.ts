import { z } from "zod";

/**
 * Every option of pixcycle, declared once. The command line's flags, the configuration file, the library's
 * arguments and the documentation are all made from these groups. Names are the reference's (junyanz);
 * the command line accepts them with `_` or `-`.
 */
export const networkOptions = {
  netG: z
    .enum([
      ...(["resnet_9blocks", "resnet_6blocks", "mobile_resnet_9blocks", "mobile_resnet_6blocks"] as const),
      ...(["unet_256", "unet_128", "unet_64", "vgg16_unet"] as const),
    ])
    .describe("generator"),
  netD: z.enum(["basic", "n_layers", "pixel", "strided"]).describe("discriminator"),
  n_layers_D: z.int().min(1).max(8).describe("layers of the n_layers and the strided discriminator"),
  ngf: z.int().min(1).max(1024).describe("generator filters in the outermost layer"),
  ndf: z.int().min(1).max(1024).describe("discriminator filters in the first layer"),
  norm: z.enum(["batch", "instance", "instance_affine", "none"]).describe("normalisation layer"),
  norm_D: z
    .enum(["same", "batch", "instance", "instance_affine", "none"])
    .describe("normalisation layer of the discriminator, if not the same"),
  norm_eps: z.number().positive().describe("what a normalisation adds to the variance"),
  norm_momentum: z
    .number()
    .positive()
    .max(1)
    .describe("how far batch norm's running statistics follow a batch, as PyTorch counts it"),
  leaky_slope: z.number().min(0).max(1).describe("slope of LeakyReLU below zero"),
  net_style: z
    .enum(["torch", "tf", "affinelayer"])
    .describe(
      "arrangement of the U-Net's levels and biases: PyTorch's reference, TensorFlow's tutorial, affinelayer's pix2pix",
    ),
  no_dropout: z.boolean().describe("no dropout in the generator"),
  init_type: z.enum(["normal", "xavier", "kaiming", "orthogonal"]).describe("weight initialisation"),
  init_gain: z.number().positive().describe("scale of normal, xavier and orthogonal initialisation"),
  input_nc: z.int().min(1).max(64).describe("channels of domain A images (of the input, after --direction)"),
  output_nc: z
    .int()
    .min(1)
    .max(64)
    .describe("channels of domain B images (of the output, after --direction)"),
  upsample: z
    .enum(["deconv", "resize-conv"])
    .describe("how the generator enlarges; resize-conv avoids checkerboards"),
  learn_residual: z
    .boolean()
    .describe("the generator learns what to add to its input, for tasks that keep shapes and edges"),
};

/** Losses and their weights. */
export const lossOptions = {
  gan_mode: z.enum(["lsgan", "vanilla", "wgangp"]).describe("adversarial loss"),
  lambda_gp: z.number().nonnegative().describe("weight of wgangp's gradient penalty"),
  lambda_D: z.number().positive().describe("weight of the discriminator's loss, real + fake"),
  lambda_L1: z.number().nonnegative().describe("weight of pix2pix's L1 loss"),
  lambda_A: z.number().nonnegative().describe("weight of the cycle loss A → B → A"),
  lambda_B: z.number().nonnegative().describe("weight of the cycle loss B → A → B"),
  lambda_identity: z
    .number()
    .nonnegative()
    .describe("weight of the identity loss, relative to lambda_A and lambda_B"),
  pool_size: z.int().min(0).max(1000).describe("images kept to show the discriminator older fakes"),
};

/** How the networks are updated. */
export const optimiserOptions = {
  lr: z.number().positive().describe("initial learning rate of Adam"),
  update_order: z
    .enum(["D_first", "together"])
    .describe("the generator learns from the updated discriminator, or both learn from the same old weights"),
  beta1: z.number().min(0).lt(1).describe("first-moment decay of Adam"),
  adam_eps: z.number().positive().describe("epsilon of Adam"),
  adam_form: z
    .enum(["torch", "keras"])
    .describe("Adam adds epsilon after the second moment's correction (PyTorch) or before it (Keras)"),
  lr_policy: z.enum(["linear", "step", "plateau", "cosine"]).describe("learning-rate schedule"),
  lr_decay_iters: z.int().min(1).describe("epochs between two drops of the step policy"),
};

/** Which images are read, and how they become batches. */
export const dataOptions = {
  dataroot: z.string().min(1).describe("folder that holds the data set"),
  dataset_mode: z
    .enum(["aligned", "unaligned", "single", "colorization"])
    .describe(
      "pairs, two unpaired folders, one folder without a target, or colour images whose colours are to be found",
    ),
  phase: z.string().min(1).describe("which part of the data set: train, val, test"),
  direction: z.enum(["AtoB", "BtoA"]).describe("which side is the input"),
  preprocess: z
    .enum(["resize_and_crop", "crop", "scale_width", "scale_width_and_crop", "none"])
    .describe("how images are resized and cropped when loaded"),
  interpolation: z
    .enum(["bicubic", "nearest"])
    .describe("how images are resized; nearest keeps the colours of label maps"),
  load_size: z.int().min(1).max(16384).describe("images are resized to this size"),
  crop_size: z.int().min(1).max(16384).describe("then cropped to this size"),
  no_flip: z.boolean().describe("no random horizontal flips"),
  serial_batches: z.boolean().describe("take images in order, unshuffled"),
  max_dataset_size: z.int().min(0).describe("use at most this many images of each folder; 0 for all"),
  batch_size: z.int().min(1).max(4096).describe("images in a batch"),
  num_threads: z.int().min(0).max(64).describe("threads that load images ahead; 0 loads between the steps"),
  image_memory: z
    .int()
    .min(-1)
    .max(2 ** 24)
    .describe(
      "MiB for decoded, resized images, kept from epoch to epoch; -1 for a quarter of what is free, 0 for none",
    ),
  seed: z.int().min(0).describe("decides every random draw of the run"),
};

const runOptions = {
  name: z
    .string()
    .regex(/^[\w][\w.-]*$/)
    .describe("name of the run: its folder in runs_dir (letters, digits, . _ -)"),
  runs_dir: z.string().min(1).describe("folder that holds the runs"),
  n_epochs: z.int().min(0).describe("epochs at the initial learning rate"),
  n_epochs_decay: z.int().min(0).describe("epochs in which the linear policy brings the rate to zero"),
  epoch_count: z.int().min(1).describe("number of the first epoch; a continued run knows its own"),
  vgg_weights: z
    .string()
    .describe(
      "what vgg16_unet starts from: a file with torchvision's VGG16 weights (.pth or .safetensors), or none for random ones",
    ),
  max_steps: z.int().min(0).describe("stop after this many steps; 0 trains all epochs"),
  continue_train: z.boolean().describe("continue the run of this name from its newest checkpoint"),
  epoch: z
    .string()
    .regex(/^(latest|best|\d+|step-\d+)$/)
    .describe("which checkpoint of a run: latest, best, an epoch, or step-N"),
  overwrite: z.boolean().describe("delete an earlier run of this name"),
  save_epoch_freq: z.int().min(1).describe("epochs between two checkpoints that are kept"),
  save_latest_freq: z.int().min(1).describe("steps between two checkpoints of which the last two are kept"),
  val_freq: z.int().min(0).describe("epochs between two validations, on val or test; 0 for none"),
  early_stop: z.int().min(0).describe("stop after this many validations without a better one; 0 never does"),
  print_freq: z.int().min(1).describe("steps between two progress lines"),
  display_freq: z.int().min(1).describe("steps between two sample grids"),
  device: z.enum(["auto", "cpu", "webgpu"]).describe("where the model runs"),
  threads: z.int().min(0).max(256).describe("threads of the model's computation; 0 uses every core"),
  conv: z
    .enum(["auto", "direct", "winograd"])
    .describe("convolutions by Winograd's algorithm: where it was measured to be faster, never, or always"),
  checkpointing: z
    .boolean()
    .describe("compute activations again for the gradients instead of keeping them: less memory, more time"),
  fp16: z
    .boolean()
    .describe(
      "compute convolutions in float16, with loss scaling; needs device webgpu and a card that has it",
    ),
  max_memory: z.int().min(0).describe("MiB the training may take; 0 uses what is free"),
};

const modelOption = {
  model: z.enum(["pix2pix", "cycle_gan"]).describe("paired (pix2pix) or unpaired (cycle_gan) translation"),
  preset: z
    .enum([
      ...(["torch-pix2pix", "torch-cyclegan", "mobile-pix2pix", "mobile-cyclegan"] as const),
      ...(["tf-pix2pix", "tf-cyclegan", "vgg-cyclegan"] as const),
    ])
    .describe("the complete set of defaults; --model picks its own"),
};

/** The groups in the order in which help and documentation show them. */
export const optionGroups = [
  { title: "Model", options: modelOption },
  { title: "Data", options: dataOptions },
  { title: "Running", options: runOptions },
  { title: "Networks", options: networkOptions },
  { title: "Losses", options: lossOptions },
  { title: "Optimiser", options: optimiserOptions },
] as const;

/** Every option by its name. */
export const allOptions = {
  ...modelOption,
  ...dataOptions,
  ...runOptions,
  ...networkOptions,
  ...lossOptions,
  ...optimiserOptions,
};

/** A name of an option. */
export type OptionName = keyof typeof allOptions;
/** Every option with its value. */
export type Options = z.infer<z.ZodObject<typeof allOptions>>;
export type ModelName = Options["model"];
export type PresetName = Options["preset"];
export type NetworkOptions = z.infer<z.ZodObject<typeof networkOptions>>;
export type LossOptions = z.infer<z.ZodObject<typeof lossOptions>>;
export type OptimiserOptions = z.infer<z.ZodObject<typeof optimiserOptions>>;
export type DataOptions = z.infer<z.ZodObject<typeof dataOptions>>;

/** What a model is built from: everything that changes the graph of a step, and nothing else. */
export type ModelOptions = { model: ModelName } & NetworkOptions &
  LossOptions &
  OptimiserOptions & { seed: number };
