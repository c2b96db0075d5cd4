import { afterEach, describe, expect, it } from "vitest";
import type { FloatTensor, TensorMap } from "../../src/formats/tensor.js";
import { presets } from "../../src/options/presets.js";
import type { ModelOptions } from "../../src/options/schema.js";
import { RandomStream } from "../../src/random/philox.js";
import { Engine } from "../../src/runtime/engine.js";
import { createGenerator, createRunner } from "../../src/runtime/node/create.js";
import { ortModule } from "../../src/runtime/node/ort-module.js";
import type { Batch, ModelRunner } from "../../src/runtime/runner.js";

const small = { ngf: 4, ndf: 4, netG: "resnet_6blocks", netD: "n_layers", n_layers_D: 1, seed: 5 } as const;
const cycleGan: ModelOptions = { ...presets["torch-cyclegan"], ...small, pool_size: 2 };
const pix2pix: ModelOptions = { ...presets["torch-pix2pix"], ...small, netG: "unet_64" };

function batchOf(step: number, images: number, size: number): Batch {
  const image = (name: string): FloatTensor => {
    const data = new Float32Array(images * 3 * size * size);
    new RandomStream(1, name, step).fillUniform(data);
    return { shape: [images, 3, size, size], data: data.map((value) => 2 * value - 1) };
  };
  return { real_A: image("A"), real_B: image("B") };
}

const open: ModelRunner[] = [];
const engine = (options: ModelOptions): Engine => {
  const made = new Engine(ortModule, options, { threads: 1 });
  open.push(made);
  return made;
};
afterEach(async () => {
  for (const runner of open.splice(0)) await runner.close();
});

const bits = (state: TensorMap): Map<string, unknown> =>
  new Map([...state].map(([name, tensor]) => [name, tensor]));

describe("Engine", () => {
  it.each([
    ["cycle_gan", cycleGan, 16],
    ["pix2pix with dropout", pix2pix, 64],
  ] as const)("%s: gradients and apply, phase by phase, are a step", async (_, options, size) => {
    const whole = engine(options);
    const parts = engine(options);
    for (let i = 0; i < 4; i++) {
      const batch = batchOf(i, 1, size);
      const { losses } = await whole.step(batch, { learningRate: 1e-3 });
      const found: Record<string, number> = {};
      for (const phase of parts.model.phases.keys()) {
        const { gradients, losses: some } = await parts.gradients(batch, phase);
        Object.assign(found, some);
        await parts.apply(gradients, phase, { learningRate: 1e-3 });
      }
      // An update in the graph rounds otherwise than one on the host.
      for (const [name, value] of Object.entries(losses))
        expect(found[name], `${name} in step ${i}`).toBeCloseTo(value, 4);
    }
    const [a, b] = [await whole.saveState(), await parts.saveState()];
    expect([...a.keys()]).toEqual([...b.keys()]);
    for (const counter of ["step", "optimizer_G/step", "optimizer_D/step"])
      expect(b.get(counter)).toEqual(a.get(counter));
  });

  it("a saved state continues bit for bit, image pool and dropout included", async () => {
    for (const [options, size] of [
      [cycleGan, 16],
      [pix2pix, 64],
    ] as const) {
      const first = engine(options);
      for (let i = 0; i < 3; i++) await first.step(batchOf(i, 1, size), { learningRate: 1e-3 });
      const second = engine({ ...options });
      await second.loadState(await first.saveState());
      for (let i = 3; i < 6; i++) {
        const [a, b] = [
          await first.step(batchOf(i, 1, size), { learningRate: 1e-3 }),
          await second.step(batchOf(i, 1, size), { learningRate: 1e-3 }),
        ];
        expect(b.losses).toEqual(a.losses);
      }
      expect(bits(await second.saveState())).toEqual(bits(await first.saveState()));
    }
  });

  it("takes batches of several sizes, and an epoch's smaller last batch", async () => {
    const runner = engine(cycleGan);
    for (const [images, size] of [
      [2, 16],
      [1, 16],
      [2, 24],
    ] as const) {
      const { losses, visuals } = await runner.step(batchOf(0, images, size), {
        learningRate: 1e-3,
        visuals: true,
      });
      expect(Object.values(losses).every(Number.isFinite)).toBe(true);
      expect(visuals.rec_B!.shape).toEqual([images, 3, size, size]);
    }
  });

  it("refuses what does not fit, by name, and keeps its state", async () => {
    const runner = engine(pix2pix);
    const before = await runner.saveState();
    await expect(runner.step(batchOf(0, 1, 48), { learningRate: 1e-3 })).rejects.toMatchObject({
      code: "E_SHAPE",
      message: /multiples of 64/,
    });
    const state = new Map(before);
    state.delete("net_G/model.model.0.weight");
    await expect(runner.loadState(state)).rejects.toMatchObject({
      code: "E_CHECKPOINT_MISMATCH",
      message: /net_G\/model.model.0.weight is missing/,
    });
    await expect(runner.infer("net_X", batchOf(0, 1, 64).real_A)).rejects.toMatchObject({
      code: "E_CHECKPOINT_MISMATCH",
    });
    expect(bits(await runner.saveState())).toEqual(bits(before));
  });
});

describe("the worker thread", () => {
  it("does what the engine does, and its generator translates like the model in training", async () => {
    const remote = createRunner(cycleGan, { threads: 1 });
    open.push(remote);
    const local = engine(cycleGan);
    const batch = batchOf(0, 1, 16);
    const { losses, visuals } = await local.step(batch, { learningRate: 1e-3 });
    // What is left of a step's result are seconds.
    expect(await remote.step(batch, { learningRate: 1e-3 })).toMatchObject({ losses, visuals });
    const state = await remote.saveState();
    expect(bits(state)).toEqual(bits(await local.saveState()));
    const expected = await remote.infer("net_G_A", batch.real_A);
    const weights: TensorMap = new Map(
      [...state]
        .filter(([name]) => name.startsWith("net_G_A/"))
        .map(([name, tensor]) => [name.slice(8), tensor]),
    );
    const generator = createGenerator(
      { options: cycleGan, inputChannels: 3, outputChannels: 3, weights },
      { threads: 1 },
    );
    const translated = await generator.translate(batch.real_A);
    await generator.close();
    expect(translated.shape).toEqual(expected.shape);
    translated.data.forEach((value, i) => {
      expect(value).toBeCloseTo(expected.data[i]!, 5);
    });
  });

  it("passes coded errors on, and refuses calls once closed", async () => {
    const remote = createRunner(pix2pix, { threads: 1 });
    await expect(remote.step(batchOf(0, 1, 48), { learningRate: 1e-3 })).rejects.toMatchObject({
      name: "PixcycleError",
      code: "E_SHAPE",
    });
    await remote.close();
    await expect(remote.saveState()).rejects.toMatchObject({ code: "E_RUNTIME" });
    const impossible = createRunner({ ...cycleGan, input_nc: 1, lambda_identity: 0.5 }, { threads: 1 });
    await expect(impossible.saveState()).rejects.toMatchObject({ code: "E_OPTION_CONFLICT" });
  });
});
