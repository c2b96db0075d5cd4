import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { noiseImages } from "../../src/data/noise.js";
import { presets } from "../../src/options/presets.js";
import type { ModelOptions } from "../../src/options/schema.js";
import { Engine } from "../../src/runtime/engine.js";
import { ortModule } from "../../src/runtime/node/ort-module.js";
import { CHROMIUM } from "../setup/chromium.js";
import { BrowserModels, type BrowserSettings, type HeldMemory } from "./browser-models.js";

const STEPS = 8;
/** Until then, buffers and blocks of the heap that later steps use again are new. */
const SETTLED = 3;
const SIZE = 64;
const BATCH_BYTES = 2 * (3 * SIZE * SIZE) * Float32Array.BYTES_PER_ELEMENT;
const OPTIONS: ModelOptions = {
  ...presets["torch-pix2pix"],
  ...{ netG: "unet_64", netD: "pixel", ngf: 4, ndf: 4, seed: 1 },
};

describe.skipIf(CHROMIUM === undefined)("a training in Chromium", () => {
  let models: BrowserModels;
  beforeAll(async () => {
    models = await BrowserModels.start();
  });
  afterAll(() => models?.stop());

  it.each([
    { device: "webgpu", threads: 1 },
    { device: "wasm", threads: 2 },
  ] satisfies BrowserSettings[])(
    `on $device has the CPU's losses within 1 %, and takes no memory any more after ${SETTLED} steps`,
    async (settings) => {
      const cpu = new Engine(ortModule, OPTIONS, { threads: 1 });
      const model = await models.create(OPTIONS, settings);
      const state = await cpu.saveState();
      await model.loadState(state);
      const held: HeldMemory[] = [];
      for (let i = 1; i <= STEPS; i++) {
        const image = (side: string) => noiseImages([1, 3, SIZE, SIZE], side, i);
        const batch = { real_A: image("A"), real_B: image("B") };
        const { losses } = await model.step(batch, { learningRate: OPTIONS.lr });
        const expected = (await cpu.step(batch, { learningRate: OPTIONS.lr })).losses;
        for (const [name, value] of Object.entries(expected))
          expect(Math.abs(losses[name]! / value - 1), `${name} of step ${i}`).toBeLessThan(0.01);
        if (i >= SETTLED) held.push(await models.memory());
      }
      const [settled, end] = [held[0]!, held.at(-1)!];
      const perStep = (end.made - settled.made) / (STEPS - SETTLED);
      console.log(settings.device, { ...end, perStep });
      for (const { buffers, heap } of held) {
        expect(buffers).toBe(settled.buffers);
        expect(heap).toBe(settled.heap);
      }
      expect(end.heap).toBeGreaterThan(2 ** 20);
      if (settings.device === "webgpu") {
        const stateBytes = [...state.values()].reduce((bytes, { data }) => bytes + data.byteLength, 0);
        expect(end.buffers).toBeGreaterThan(stateBytes);
        // What each step makes anew brings the batch to the card and the losses back; weights stay there.
        expect(perStep).toBeLessThan(1.1 * BATCH_BYTES);
        expect(stateBytes).toBeGreaterThan(4 * BATCH_BYTES);
      }
      await model.close();
      await cpu.close();
    },
  );
});
