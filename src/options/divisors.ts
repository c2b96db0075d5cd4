import type { NetworkOptions } from "./schema.js";

/** What the sides of an image must be multiples of for each generator: 2 to the power of its halvings. */
export const generatorDivisors: Readonly<Record<NetworkOptions["netG"], number>> = {
  resnet_9blocks: 4,
  resnet_6blocks: 4,
  mobile_resnet_9blocks: 4,
  mobile_resnet_6blocks: 4,
  unet_256: 256,
  unet_128: 128,
  unet_64: 64,
  vgg16_unet: 32,
};
