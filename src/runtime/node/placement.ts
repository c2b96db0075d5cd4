import { PixcycleError } from "../../errors.js";
import { createModel } from "../../models/model.js";
import { presets } from "../../options/presets.js";
import type { ModelOptions } from "../../options/schema.js";
import { type Device, deviceOf } from "../device.js";
import { GraphSession } from "../ort.js";
import { compileStep } from "../programs.js";
import { ortModule } from "./ort-module.js";

/** What U-Net 256 needs; its layers decide where operators go, not their sizes. */
const SIZE = 256;

/** Kinds of training steps by name: every preset, and the loss that needs gradients of gradients. */
const STEPS: Readonly<Record<string, Omit<ModelOptions, "seed">>> = {
  ...presets,
  "pix2pix wgangp": { ...presets["torch-pix2pix"], gan_mode: "wgangp" },
  "cycle_gan wgangp": { ...presets["torch-cyclegan"], gan_mode: "wgangp" },
};

/**
 * Loads a training step of each preset and loss, with narrow layers, on a device that has no place for operators of the
 * CPU: loading fails if one is left to it. Nothing is run.
 * @returns the number of operators by the kind of step
 * @throws PixcycleError E_DEVICE naming the step of which an operator is left to the CPU
 */
export async function placeSteps(name: Device["name"]): Promise<ReadonlyMap<string, number>> {
  const device = deviceOf(name);
  const placed = new Map<string, number>();
  for (const [kind, preset] of Object.entries(STEPS)) {
    const options = { ...preset, ngf: 4, ndf: 4, seed: 0 };
    const shape = { batch: 1, height: SIZE, width: SIZE };
    const { compiled } = compileStep(createModel(options), options, shape, "whole", device);
    try {
      const session = await GraphSession.create(ortModule, compiled, { threads: 1, device: name });
      await session.close();
    } catch (cause) {
      throw new PixcycleError("E_DEVICE", `A step of ${kind} does not load: ${String(cause)}`, { cause });
    }
    placed.set(kind, compiled.nodeCount);
  }
  return placed;
}
