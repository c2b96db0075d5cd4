import { PixcycleError } from "../errors.js";
import { discriminatorNorm } from "./discriminator-norm.js";
import { generatorDivisors } from "./divisors.js";
import type { OptionName, Options } from "./schema.js";

/**
 * Refuses options that contradict each other, before anything is built or opened.
 * @throws PixcycleError E_OPTION_CONFLICT naming both options and what to change
 */
export function checkConflicts(options: Options): void {
  checkModel(options);
  checkSizes(options);
  checkFloat16(options);
  if (options.continue_train && options.overwrite) {
    conflict("--continue_train and --overwrite contradict each other.", "Give one of them.");
  }
  if (options.early_stop > 0 && options.val_freq === 0) {
    conflict("--early_stop counts validations, and there are none.", "Give --val_freq, too.");
  }
  if (options.lr_policy === "cosine" && options.n_epochs === 0) {
    conflict(
      "lr_policy cosine needs n_epochs above 0: it is the length of its half wave.",
      "Set --n_epochs.",
    );
  }
  if (options.n_epochs + options.n_epochs_decay < options.epoch_count && options.max_steps === 0) {
    const last = options.n_epochs + options.n_epochs_decay;
    conflict(`epoch_count ${options.epoch_count} is after the last epoch, ${last}.`, "Raise --n_epochs.");
  }
}

function checkModel(options: Options): void {
  if (options.dataset_mode === "unaligned" && options.model === "pix2pix") {
    conflict("pix2pix needs pairs, dataset_mode unaligned has none.", "Use --model cycle_gan.");
  }
  if (options.model === "cycle_gan" && options.update_order === "D_first") {
    conflict(
      "CycleGAN's networks learn together: update_order D_first is pix2pix's.",
      "Leave --update_order out.",
    );
  }
  if (options.dataset_mode === "colorization") checkColorization(options);
  if (options.dataset_mode === "single") {
    conflict("dataset_mode single has no target to train on.", "Use aligned or unaligned.");
  }
  if (
    options.lambda_identity > 0 &&
    options.model === "cycle_gan" &&
    options.input_nc !== options.output_nc
  ) {
    conflict(
      `lambda_identity ${options.lambda_identity} needs input_nc = output_nc, ` +
        `got ${options.input_nc} and ${options.output_nc}.`,
      "Set --lambda_identity 0.",
    );
  }
}

/** What `dataset_mode colorization` decides: from the lightness L to the colours a and b. */
export const colorization = { input_nc: 1, output_nc: 2, direction: "AtoB" } as const;
const colorizationNames = Object.keys(colorization) as (keyof typeof colorization)[];

function checkColorization(options: Options): void {
  if (options.model !== "pix2pix") {
    conflict("dataset_mode colorization makes pairs, which CycleGAN does not use.", "Use --model pix2pix.");
  }
  for (const name of colorizationNames) {
    if (options[name] === colorization[name]) continue;
    conflict(
      `dataset_mode colorization needs ${name} ${colorization[name]}, got ${options[name]}: L is the input, a and b the target.`,
      `Leave --${name} out.`,
    );
  }
}

function checkSizes(options: Options): void {
  const crops = options.preprocess.includes("crop");
  if (!crops) return;
  const divisor = generatorDivisors[options.netG];
  if (options.crop_size % divisor !== 0) {
    conflict(
      `netG ${options.netG} needs a crop_size that is a multiple of ${divisor}, got ${options.crop_size}.`,
      `Use --crop_size ${Math.max(1, Math.round(options.crop_size / divisor)) * divisor}${smallerUnet(options)}.`,
    );
  }
  if (options.preprocess !== "crop" && options.load_size < options.crop_size) {
    conflict(
      `load_size ${options.load_size} is smaller than crop_size ${options.crop_size}.`,
      `Set --load_size ${options.crop_size} or more.`,
    );
  }
}

function smallerUnet(options: Options): string {
  const fitting = [256, 128, 64].find((size) => options.crop_size % size === 0);
  return fitting === undefined ? " or a resnet generator" : ` or --netG unet_${fitting}`;
}

/**
 * Returns if a device can be asked to compute in float16.
 * @throws PixcycleError E_OPTION_CONFLICT
 */
export function checkFloat16({
  fp16 = false,
  device = "auto",
}: {
  readonly fp16?: boolean;
  readonly device?: string;
}): void {
  if (!fp16 || device === "webgpu") return;
  conflict(
    `fp16 computes on graphics cards alone, device is ${device}.`,
    "Add --device webgpu, or leave --fp16 out.",
  );
}

function conflict(message: string, hint: string): never {
  throw new PixcycleError("E_OPTION_CONFLICT", message, { hint });
}

/** What is allowed but seldom wanted, in a sentence each. */
export function cautions(options: Options): string[] {
  if (options.gan_mode !== "wgangp" || discriminatorNorm(options) !== "batch") return [];
  return [
    "wgangp's penalty is of each image alone, and batch norm mixes the images of a batch: instance or none suit it better.",
  ];
}

/**
 * Values that a preset set and that a user's other options make impossible; they give way, and the caller says so.
 * @param isUsers whether a person set the option
 */
export function concessions(
  options: Options,
  isUsers: (name: OptionName) => boolean,
): { name: OptionName; value: number | string; why: string }[] {
  if (options.dataset_mode === "colorization") {
    const why = "colorization goes from the lightness L to the colours a and b";
    return colorizationNames
      .filter((name) => options[name] !== colorization[name] && !isUsers(name))
      .map((name) => ({ name, value: colorization[name], why }));
  }
  const unequal = options.input_nc !== options.output_nc;
  if (!unequal || options.lambda_identity === 0 || isUsers("lambda_identity")) return [];
  const why = "the identity loss needs input_nc = output_nc";
  return [{ name: "lambda_identity", value: 0, why }];
}
