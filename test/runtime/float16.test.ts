import { afterEach, describe, expect, it } from "vitest";
import type { TensorMap } from "../../src/formats/tensor.js";
import { createModel } from "../../src/models/model.js";
import { presets } from "../../src/options/presets.js";
import type { ModelOptions } from "../../src/options/schema.js";
import { deviceOf } from "../../src/runtime/device.js";
import { Engine } from "../../src/runtime/engine.js";
import { createRunner } from "../../src/runtime/node/create.js";
import { ortModule } from "../../src/runtime/node/ort-module.js";
import { compileStep, type StepSettings } from "../../src/runtime/programs.js";
import { describeFloat16 } from "../models/float16.js";
import type { Bounds } from "../models/golden-checks.js";
import { goldenBatch, goldenMasks, readGolden } from "../models/goldens.js";

/**
 * On the CPU, ONNX Runtime computes what is in float16 in float32 and rounds the results; where it need not, it leaves both
 * conversions out. What was measured, and room: 10⁻⁵, 1.1·10⁻³, 1.9·10⁻⁴, 10⁻³, 0.067.
 */
const ROUNDING: Bounds = { forward: 2e-5, gradients: 5e-3, statistics: 1e-3, losses: 5e-3, weights: 0.2 };

describeFloat16("cpu", ["pix2pix_unet64_batchnorm"], ROUNDING);

const golden = readGolden("pix2pix_unet64_batchnorm");
const open: Engine[] = [];
const engine = (fp16: boolean): Engine => {
  const made = new Engine(ortModule, golden.options, { threads: 1, fp16 });
  open.push(made);
  return made;
};
afterEach(async () => {
  for (const made of open.splice(0)) await made.close();
});

const step = (model: Engine, i: number) =>
  model.step(goldenBatch(golden, i), {
    ...{ learningRate: golden.options.lr, dropoutMasks: goldenMasks(golden, i) },
  });
const scaleIn = (state: TensorMap) => state.get("loss_scale")?.data[0];

describe("the loss scale", () => {
  it("begins at 65536, and is in the checkpoint, from which training goes on bit for bit", async () => {
    const whole = engine(true);
    // G's gradients leave float16's range with the first scales, D's do not.
    expect((await step(whole, 0)).scaling).toEqual({ lossScale: 65536, skipped: ["G"] });
    const saved = await whole.saveState();
    expect(scaleIn(saved)).toBe(32768);
    expect(Number(saved.get("optimizer_G/step")!.data[0])).toBe(0);
    expect(Number(saved.get("optimizer_D/step")!.data[0])).toBe(1);
    const continued = engine(true);
    await continued.loadState(saved);
    for (let i = 1; i < 3; i++) {
      const { setup: _, ...rest } = await step(continued, i);
      expect(await step(whole, i)).toMatchObject(rest);
    }
    expect(await continued.saveState()).toEqual(await whole.saveState());
  });

  it("is not in a checkpoint of float32; a training may change from one to the other", async () => {
    const [half, single] = [engine(true), engine(false)];
    await step(half, 0);
    await single.loadState(await half.saveState());
    expect((await step(single, 1)).scaling).toBeUndefined();
    const state = await single.saveState();
    expect([...state.keys()].filter((key) => key.startsWith("loss_scale"))).toEqual([]);
    await half.loadState(state);
    expect(scaleIn(await half.saveState())).toBe(65536);
  });
});

describe("float16", () => {
  const compiled = (preset: "torch-pix2pix" | "tf-cyclegan", settings: Partial<StepSettings>) => {
    const options: ModelOptions = { ...presets[preset], ngf: 4, ndf: 4, seed: 0 };
    const shape = { batch: 1, height: 256, width: 256 };
    const device = deviceOf("webgpu");
    return compileStep(createModel(options), options, shape, "whole", { ...device, ...settings }).compiled;
  };

  it.each(["torch-pix2pix", "tf-cyclegan"] as const)("is not in a step of %s unless asked for", (preset) => {
    const usual = compiled(preset, {});
    expect(Buffer.compare(compiled(preset, { fp16: false }).bytes, usual.bytes)).toBe(0);
    expect(usual.inputs.has("loss_scale")).toBe(false);
    expect(Buffer.from(usual.bytes).includes("Cast")).toBe(false);
    const half = compiled(preset, { fp16: true });
    expect(half.inputs.has("loss_scale")).toBe(true);
    expect(Buffer.from(half.bytes).includes("Cast")).toBe(true);
  });

  it("is refused on the CPU", () => {
    for (const device of ["auto", "cpu"] as const)
      expect(() => createRunner(golden.options, { threads: 1, device, fp16: true })).toThrow(
        expect.objectContaining({
          code: "E_OPTION_CONFLICT",
          hint: expect.stringContaining("--device webgpu"),
        }),
      );
  });
});
