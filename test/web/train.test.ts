import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeSafetensors } from "../../src/formats/safetensors.js";
import type { OptionValues } from "../../src/options/resolve.js";
import type { StepEvent } from "../../src/training/hooks.js";
import { train } from "../../src/training/train.js";
import { loadTranslator } from "../../src/translation/load.js";
import { noiseImage, temporaryFolder, writeImage } from "../data/files.js";
import { CHROMIUM } from "../setup/chromium.js";
import { buildPage } from "./build-page.js";
import { Pages } from "./pages.js";
import type { StaticServer } from "./static-server.js";

type Losses = Readonly<Record<string, number>>;

interface Ended {
  readonly finished: boolean;
  readonly losses: readonly Losses[];
  readonly samples: readonly { step: number; columns: readonly string[]; sizes: readonly number[][] }[];
  readonly checkpoints: readonly number[];
}

const tiny = {
  netG: "resnet_6blocks",
  ngf: 2,
  ndf: 2,
  netD: "pixel",
  n_epochs: 2,
  n_epochs_decay: 0,
} as const;
/** A low rate keeps rounding small; another image or another order would show all the same. */
const sized = {
  lr: 2e-5,
  load_size: 36,
  crop_size: 32,
  seed: 5,
  pool_size: 2,
  threads: 1,
} as const;
const COUNT = 4;
const PAIRS = { A: names("trainA"), B: names("trainB") };

function names(side: string): string[] {
  return Array.from({ length: COUNT }, (_, i) => `${side}/${i}.png`);
}

describe.skipIf(CHROMIUM === undefined)("train() of pixcycle/web in Chromium", () => {
  const runs = temporaryFolder("web-runs");
  let folder: string;
  let pages: Pages;

  beforeAll(async () => {
    folder = await buildPage();
    // Not square, and of two sizes: they are resized.
    for (const path of [...PAIRS.A, ...PAIRS.B]) {
      await writeImage(join(folder, path), noiseImage(path.endsWith("0.png") ? 44 : 40, 48, 3, 8, path));
    }
    await writeFile(join(folder, "broken.png"), "no picture");
    pages = await Pages.start(folder);
  });
  afterAll(() => pages?.stop());

  async function open(server: StaticServer): Promise<Page> {
    const page = await pages.browser.newPage();
    await page.goto(`${server.origin}/training.html`);
    return page;
  }

  const call = <T>(page: Page, method: string, ...args: readonly unknown[]): Promise<T> =>
    page.evaluate(`training.${method}(${args.map((value) => JSON.stringify(value)).join()})`) as Promise<T>;

  async function lossesInNode(name: string, options: OptionValues): Promise<Losses[]> {
    const losses: Losses[] = [];
    const onStep = (event: StepEvent) => void losses.push(event.losses);
    await train({ ...options, dataroot: folder, runs_dir: runs, name }, { onStep });
    return losses;
  }

  function expectNear(found: readonly Losses[], expected: readonly Losses[]): void {
    expect(found.length).toBe(expected.length);
    for (const [step, losses] of expected.entries()) {
      for (const [name, value] of Object.entries(losses)) {
        expect(Math.abs(found[step]![name]! / value - 1), `${name} of step ${step}`).toBeLessThan(1e-4);
      }
    }
  }

  const pix2pix: OptionValues = { model: "pix2pix", ...tiny, ...sized };

  it("has the losses of pixcycle train on the same files, goes on after a pause, and exports what Node reads", async () => {
    const expected = await lossesInNode("pairs", { ...pix2pix, num_threads: 0 });
    const page = await open(pages.isolated);
    const info = await call<{ threads: number; options: OptionValues }>(page, "start", "whole", PAIRS, {
      ...pix2pix,
      display_freq: 5,
    });
    expect(info).toMatchObject({ device: "wasm", threads: 1, batchesPerEpoch: COUNT, step: 0 });
    const whole = await call<Ended>(page, "end", "whole");
    expect(whole).toMatchObject({ finished: true, checkpoints: [2 * COUNT] });
    expectNear(whole.losses, expected);
    expect(whole.samples).toEqual([
      { step: 5, columns: ["real_A", "fake_B", "real_B"], sizes: new Array(3).fill([32, 32]) },
    ]);

    await call(page, "start", "first", PAIRS, pix2pix, { pauseAfter: 3 });
    await page.waitForFunction("training.kept('first').losses.length >= 3");
    await call(page, "keep", "first", "state");
    const before = (await call<Ended>(page, "kept", "first")).losses;
    expect(before.length).toBeLessThan(2 * COUNT);
    await call(page, "call", "first", "close");
    await call(page, "start", "second", PAIRS, {}, { checkpoint: "state" });
    const after = await call<Ended>(page, "end", "second");
    expect([...before, ...after.losses]).toEqual(whole.losses);

    const weights = Uint8Array.from(await call<number[]>(page, "exported", "second", "safetensors"));
    expect([...decodeSafetensors(weights, "it").tensors.keys()]).toContain("model.1.weight");
    await writeFile(join(runs, "page.safetensors"), weights);
    const translator = await loadTranslator(join(runs, "page.safetensors"), { threads: 1 });
    const picture = noiseImage(30, 20);
    const ofWeights = await translator.translate(picture);
    await translator.close();
    expect([ofWeights.width, ofWeights.height]).toEqual([30, 20]);
    expect((await call<number[]>(page, "exported", "second", "onnx"))[0]).toBe(8);
    await page.close();
  });

  it("trains CycleGAN on two folders, without threads where the page is not isolated", async () => {
    const options: OptionValues = { model: "cycle_gan", ...tiny, ...sized, n_epochs: 1 };
    const expected = await lossesInNode("domains", { ...options, num_threads: 0 });
    const page = await open(pages.plain);
    const info = await call<object>(page, "start", "it", PAIRS, { ...options, threads: 2 });
    expect(info).toMatchObject({ device: "wasm", threads: 1 });
    expectNear((await call<Ended>(page, "end", "it")).losses, expected);
    await page.close();
  });

  it("begins with a network of the command line, whose architecture it reads", async () => {
    await lossesInNode("short", { ...pix2pix, max_steps: 1, num_threads: 0 });
    const file = join(runs, "short/checkpoints/step-00000001/net_G.safetensors");
    await writeFile(join(folder, "net_G.safetensors"), await readFile(file));
    const page = await open(pages.plain);
    const info = await call<{ options: OptionValues }>(
      ...[page, "start", "tuned", PAIRS, { ...sized, lr: 1e-9, max_steps: 1, threads: 1 }],
      { weights: { net_G: "net_G.safetensors" } },
    );
    expect(info.options).toMatchObject({ model: "pix2pix", netG: "resnet_6blocks", ngf: 2, norm: "batch" });
    expect((await call<Ended>(page, "end", "tuned")).finished).toBe(true);
    const found = decodeSafetensors(
      Uint8Array.from(await call<number[]>(page, "exported", "tuned", "safetensors")),
      "it",
    ).tensors.get("model.1.weight")!;
    const given = decodeSafetensors(await readFile(file), file).tensors.get("model.1.weight")!;
    for (const [i, value] of found.data.entries()) expect(value).toBeCloseTo(Number(given.data[i]), 6);
    await page.close();
  });

  it("says what is wrong in one line", async () => {
    const page = await open(pages.plain);
    const failure = (...args: unknown[]) => call<string>(page, "failure", ...args);
    const broken = { A: ["broken.png", ...PAIRS.A], B: ["broken.png", ...PAIRS.B] };
    expect(await failure(broken, pix2pix)).toMatch(/^E_IMAGE_READ: A\/broken.png cannot be decoded/);
    const one = { A: PAIRS.A, B: PAIRS.B.slice(1) };
    expect(await failure(one, pix2pix)).toMatch(/^E_DATA_PAIR: 1 image has no partner .*A\/0.png/);
    expect(await failure({ A: [], B: [] }, pix2pix)).toMatch(/^E_DATA_EMPTY: A has no images/);
    expect(await failure({ images: PAIRS.A }, { ...pix2pix, model: "cycle_gan" })).toMatch(
      /^E_DATA_MISSING: /,
    );
    expect(await failure(PAIRS, { ...pix2pix, crop_size: 30 })).toMatch(
      /^E_OPTION_CONFLICT: .*multiple of 4/,
    );
    expect(await failure(PAIRS, { ...pix2pix, ngf: 0 })).toMatch(/^E_OPTION: /);
    expect(await failure(PAIRS, { ...pix2pix, device: "webgpu" })).toMatch(/^E_RUNTIME: .*webgpu/);
    expect(await failure(PAIRS, pix2pix, { weights: { net_G: "broken.png" } })).toMatch(/^E_FILE_FORMAT: /);
    await page.close();
  });
});
