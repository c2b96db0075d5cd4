import type { WebTrainOptions } from "pixcycle/web";
import type { Layout } from "./images.js";

/** A choice of the menu: what it is good for, and its options at a size. */
export interface Preset {
  readonly title: string;
  readonly hint: string;
  options(size: number): WebTrainOptions;
}

/** The U-Net that halves an image down to one pixel, as far as there is one. */
const unet = (size: number): NonNullable<WebTrainOptions["netG"]> =>
  size % 256 === 0 ? "unet_256" : size % 128 === 0 ? "unet_128" : "unet_64";

const quick = (size: number): WebTrainOptions => ({
  ...(size % 64 === 0
    ? ({ netG: "unet_64", upsample: "resize-conv" } as const)
    : ({ netG: "resnet_6blocks" } as const)),
  ...{ netD: "n_layers", n_layers_D: 2, ngf: 16, ndf: 16, norm: "instance", no_dropout: true },
  ...{ lr: 0.0003, learn_residual: true },
});

const paired: readonly Preset[] = [
  {
    title: "Quick",
    hint: "A small U-Net that learns what to add to its input: colours and shapes that stay, light that changes.",
    options: (size) => ({ model: "pix2pix", ...quick(size), lambda_L1: 200 }),
  },
  {
    title: "Small ResNet (mobile-pix2pix)",
    hint: "A ResNet of separable convolutions: small files, good on phones, slower to train than Quick.",
    options: () => ({ preset: "mobile-pix2pix", model: "pix2pix" }),
  },
  {
    title: "pix2pix as published (torch-pix2pix)",
    hint: "A U-Net of up to 54 million weights. For a graphics card and patience.",
    options: (size) => ({ model: "pix2pix", netG: unet(size) }),
  },
];

const unpaired: readonly Preset[] = [
  {
    title: "Quick",
    hint: "Two small generators, there and back, each checked by a small discriminator.",
    options: (size) => ({ model: "cycle_gan", ...quick(size) }),
  },
  {
    title: "Small ResNet (mobile-cyclegan)",
    hint: "ResNets of separable convolutions: small files, good on phones, slower to train than Quick.",
    options: () => ({ preset: "mobile-cyclegan", model: "cycle_gan" }),
  },
  {
    title: "CycleGAN as published (torch-cyclegan)",
    hint: "ResNets with nine blocks. For a graphics card and patience.",
    options: () => ({ model: "cycle_gan" }),
  },
];

/** The presets that go with a layout of the images. */
export const presetsFor = (layout: Layout): readonly Preset[] => (layout === "unpaired" ? unpaired : paired);

/** Sizes before and after the crop, in the reference's proportion of 286 to 256. */
export const sizeOptions = (size: number): WebTrainOptions => ({
  crop_size: size,
  load_size: Math.round((size * 286) / 256),
});

/** The rate is held for the first half of the steps, then falls to zero. */
export function lengthOptions(steps: number, imagesPerEpoch: number): WebTrainOptions {
  const epochs = Math.ceil(steps / imagesPerEpoch);
  const n_epochs = Math.floor(epochs / 2);
  return { max_steps: steps, n_epochs, n_epochs_decay: epochs - n_epochs };
}
