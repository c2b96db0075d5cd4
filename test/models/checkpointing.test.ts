import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createModel } from "../../src/models/model.js";
import { presets } from "../../src/options/presets.js";
import type { ModelOptions } from "../../src/options/schema.js";
import { Engine } from "../../src/runtime/engine.js";
import { ortModule } from "../../src/runtime/node/ort-module.js";
import { planStep } from "../../src/runtime/programs.js";
import { goldenBatch, goldenMasks, goldenUniforms, initialWeights, readGolden } from "./goldens.js";

/** Losses of a golden's steps, and the bits of all that they leave behind. */
async function trained(name: string, checkpointing: boolean): Promise<unknown> {
  const golden = readGolden(name);
  const engine = new Engine(ortModule, golden.options, { threads: 1, checkpointing });
  for (const { name: network } of engine.model.networks)
    await engine.loadNetwork(network, initialWeights(golden, network));
  const losses: unknown[] = [];
  for (let i = 0; i < golden.options.steps; i++) {
    const request = { dropoutMasks: goldenMasks(golden, i), uniforms: goldenUniforms(golden, i) };
    const result = await engine.step(goldenBatch(golden, i), { ...request, learningRate: golden.options.lr });
    losses.push(result.losses);
  }
  const state = await engine.saveState();
  await engine.close();
  const bits = [...state].map(([key, { data }]) => [
    key,
    createHash("sha256").update(bytesOf(data)).digest("hex"),
  ]);
  return { losses, state: Object.fromEntries(bits) };
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

describe("checkpointing", () => {
  it.each([
    "cycle_gan_resnet6_identity",
    "cycle_gan_resnet6_batchnorm_batch3",
    "cycle_gan_resnet6_dropout_pixel",
    "cycle_gan_unet64_dropout",
    "cycle_gan_vgg",
    "pix2pix_resnet6_wgangp_batchnorm",
    "pix2pix_unet64_dropout_batch3",
    "pix2pix_tf",
  ])("trains %s as without it, bit for bit", async (name) => {
    expect(await trained(name, true)).toEqual(await trained(name, false));
  });

  it.each([
    ["torch-cyclegan", 0.7],
    ["torch-pix2pix", 0.85],
  ] as const)("keeps less of the activations of %s at 256 pixels", (preset, most) => {
    const options = { ...presets[preset], seed: 1 } as ModelOptions;
    const peak = (checkpointing: boolean): number => {
      const settings = { target: "cpu", updates: "visible", conv: "auto", checkpointing } as const;
      return planStep(createModel(options), options, { batch: 1, height: 256, width: 256 }, settings)
        .peakBytes;
    };
    expect(peak(true) / peak(false)).toBeLessThan(most);
  });
});
