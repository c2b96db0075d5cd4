import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { noiseImages } from "../../src/data/noise.js";
import type { FloatTensor } from "../../src/formats/tensor.js";
import { presets } from "../../src/options/presets.js";
import type { ModelOptions } from "../../src/options/schema.js";
import { createRunner } from "../../src/runtime/node/create.js";
import { CHROMIUM } from "../setup/chromium.js";
import { buildPage } from "./build-page.js";
import { Pages } from "./pages.js";

const small = { ngf: 4, ndf: 4, netD: "n_layers", n_layers_D: 1, seed: 3 } as const;
const MODELS = {
  pix2pix: { ...presets["torch-pix2pix"], ...small, netG: "unet_64" },
  cycle_gan: { ...presets["torch-cyclegan"], ...small, netG: "resnet_6blocks", pool_size: 2 },
} satisfies Record<string, ModelOptions>;
const SIZES = { pix2pix: 64, cycle_gan: 32 } as const;
/** The pool of CycleGAN is full after two: the third is shown older fakes. */
const STEPS = 3;
const LEARNING_RATE = 1e-3;

const asJson = ({ shape, data }: FloatTensor) => ({ shape, data: Array.from(data) });
const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;

describe.skipIf(CHROMIUM === undefined)("a model in training in Chromium", () => {
  let pages: Pages;
  beforeAll(async () => {
    pages = await Pages.start(await buildPage());
  });
  afterAll(() => pages?.stop());

  const call = <T>(page: Page, method: string, ...args: readonly unknown[]): Promise<T> =>
    page.evaluate(`runner.${method}(${args.map((value) => JSON.stringify(value)).join()})`) as Promise<T>;

  /** Noise of the step in domain A and B, which both sides are given. */
  function batchOf(model: keyof typeof MODELS, step: number) {
    const shape = [1, 3, SIZES[model], SIZES[model]];
    return { real_A: noiseImages(shape, "A", step), real_B: noiseImages(shape, "B", step) };
  }

  it.each([
    ["pix2pix", "isolated", {}],
    ["cycle_gan", "plain", { checkpointing: true }],
  ] as const)(
    "%s on wasm, in a page that is %s, with %j, takes the steps that it takes in Node",
    async (model, kind, computation) => {
      const page = await pages.browser.newPage();
      await page.goto(`${pages[kind].origin}/training.html`);
      const node = createRunner(MODELS[model], { threads: 1 });
      await call(page, "create", "it", MODELS[model], { device: "wasm", threads: 2, ...computation });
      for (let step = 0; step < STEPS; step++) {
        const batch = batchOf(model, step);
        const { losses } = await node.step(batch, { learningRate: LEARNING_RATE });
        const sent = { real_A: asJson(batch.real_A), real_B: asJson(batch.real_B) };
        const found = await call<Record<string, number>>(page, "step", "it", sent, {
          learningRate: LEARNING_RATE,
        });
        expect(Object.keys(found)).toEqual(Object.keys(losses));
        for (const [name, value] of Object.entries(losses)) {
          expect(Math.abs(found[name]! / value - 1), `${name} of step ${step}`).toBeLessThan(1e-5);
        }
      }
      const state = await node.saveState();
      const inPage = await call<[string, number[]][]>(page, "state", "it");
      expect(inPage.map(([key]) => key)).toEqual([...state.keys()]);
      // Biases before a norm have no gradient but rounding.
      for (const [key, values] of inPage.filter(([name]) => /^net_.*\.weight$/.test(name))) {
        const { data } = state.get(key)!;
        // Adam moves every weight by the rate, however small its gradient is.
        const apart = values.map((value, i) => Math.abs(value - Number(data[i])) / LEARNING_RATE);
        expect(mean(apart), key).toBeLessThan(0.1);
      }
      await call(page, "close", "it");
      await node.close();
      await page.close();
    },
  );
});
