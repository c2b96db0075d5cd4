import { describe, expect, it } from "vitest";
import { describeNetwork, discriminator, generator, parameterCount } from "../../src/networks/registry.js";
import { presets } from "../../src/options/presets.js";
import type { NetworkOptions } from "../../src/options/schema.js";

const options = (changes: Partial<NetworkOptions>): NetworkOptions => ({
  ...presets["torch-pix2pix"],
  ...changes,
});

describe("trained numbers of the reference's networks", () => {
  it.each([
    ["unet_256", "batch", 54_413_955],
    ["unet_256", "instance", 54_409_603],
    ["unet_128", "batch", 41_828_995],
    ["resnet_9blocks", "instance", 11_378_179],
    ["resnet_9blocks", "batch", 11_383_427],
    ["resnet_6blocks", "instance", 7_837_699],
    ["resnet_6blocks", "batch", 7_841_411],
  ] as const)("%s with %s norm: %i", (netG, norm, count) => {
    for (const no_dropout of [false, true]) {
      expect(parameterCount(generator("net_G", options({ netG, norm, no_dropout }), 3, 3))).toBe(count);
    }
  });

  // As PyTorch counts them: a separable convolution of C channels has 9·C + C and C·C + C.
  it.each([
    ["mobile_resnet_9blocks", 64, 1_987_075],
    ["mobile_resnet_9blocks", 32, 514_307],
    ["mobile_resnet_6blocks", 32, 407_555],
  ] as const)("%s with ngf %i: %i", (netG, ngf, count) => {
    const mobile = options({ netG, ngf, norm: "instance" });
    expect(parameterCount(generator("net_G", mobile, 3, 3))).toBe(count);
  });

  it.each([
    ["basic", "instance", 3, 2_764_737],
    ["basic", "batch", 6, 2_768_705],
    ["pixel", "batch", 6, 9_024],
  ] as const)("%s discriminator with %s norm on %i channels: %i", (netD, norm, channels, count) => {
    expect(parameterCount(discriminator("net_D", options({ netD, norm }), channels))).toBe(count);
  });

  it("VGG16's encoder has the 14,714,688 of torchvision's features", () => {
    const vgg = options({ netG: "vgg16_unet", norm: "instance_affine" });
    const encoder = describeNetwork(generator("net_G", vgg, 3, 3)).filter(({ name }) =>
      name.startsWith("features."),
    );
    const sizes = encoder.map(({ shape }) => shape.reduce((product, extent) => product * extent, 1));
    expect(sizes.reduce((a, b) => a + b)).toBe(14_714_688);
  });

  it("TensorFlow's U-Net and PatchGAN: Keras' counts", () => {
    const tf = options({ net_style: "tf" });
    // 54,414,979 and 2,768,641 are trained; Keras' summary adds the running statistics of the norms.
    expect(parameterCount(generator("net_G", tf, 3, 3))).toBe(54_414_979);
    expect(parameterCount(discriminator("net_D", tf, 6))).toBe(2_768_641);
  });

  it("n_layers with 3 layers is the basic discriminator", () => {
    const three = discriminator("net_D", options({ netD: "n_layers", n_layers_D: 3 }), 6);
    expect(parameterCount(three)).toBe(2_768_705);
  });
});
