import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { decodeImage } from "../../src/data/image.js";
import { imageToTensor, tensorToImage } from "../../src/data/pixels.js";
import { resizeBicubic } from "../../src/data/resize.js";
import { cropImage } from "../../src/data/transforms.js";
import type { FloatTensor, TensorMap } from "../../src/formats/tensor.js";
import { createGenerator } from "../../src/runtime/node/create.js";
import type { GeneratorSetup } from "../../src/runtime/translator.js";
import { loadTranslator, type TranslatorOptions } from "../../src/translation/load.js";
import { checkTranslationMemory } from "../../src/translation/memory.js";
import type { Translator } from "../../src/translation/translator.js";
import { failure, noiseImage, temporaryFolder, writeImage } from "../data/files.js";
import { randomGenerator } from "./models.js";

const folder = temporaryFolder("translator");
const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

async function load(weights: TensorMap, options: TranslatorOptions = {}): Promise<Translator> {
  const translator = await loadTranslator({ weights }, { threads: 1, ...options });
  open.push(translator);
  return translator;
}

/** The generator itself, on one image [C, H, W]. */
async function direct(setup: GeneratorSetup, { shape, data }: FloatTensor, evaluate = false) {
  const runner = createGenerator(setup, { threads: 1 });
  open.push(runner);
  const result = await runner.translate({ shape: [1, ...shape], data }, { evaluate });
  return { shape: result.shape.slice(1), data: result.data };
}

const resnet = {
  netG: "resnet_6blocks",
  ngf: 4,
  norm: "instance",
  no_dropout: true,
  upsample: "deconv",
} as const;
const unet = { netG: "unet_64", ngf: 2, norm: "batch", no_dropout: false, upsample: "deconv" } as const;
const rgb = { inputChannels: 3, outputChannels: 3 };

describe("a translation", () => {
  it("of a size that the generator takes is the generator's own", async () => {
    const weights = randomGenerator();
    const image = noiseImage(16, 12);
    const expected = await direct({ options: resnet, ...rgb, weights }, imageToTensor(image));
    expect(await (await load(weights)).translate(image)).toEqual(tensorToImage(expected));
  });

  it("of another size is that of the mirrored image, cropped back", async () => {
    const weights = randomGenerator();
    const image = noiseImage(13, 10);
    const [before, column] = [1, (x: number) => (x < 0 ? -x : x > 12 ? 24 - x : x)];
    const row = (y: number) => (y < 0 ? -y : y > 9 ? 18 - y : y);
    const data = new Uint8Array(16 * 12 * 3);
    for (let y = 0; y < 12; y++) {
      for (let x = 0; x < 16; x++) {
        const from = (row(y - 1) * 13 + column(x - before)) * 3;
        data.set(image.data.subarray(from, from + 3), (y * 16 + x) * 3);
      }
    }
    const padded = { width: 16, height: 12, channels: 3, depth: 8, data } as const;
    const whole = await direct({ options: resnet, ...rgb, weights }, imageToTensor(padded));
    const expected = cropImage(tensorToImage(whole), before, 1, 13, 10);
    expect(await (await load(weights)).translate(image)).toEqual(expected);
  });

  it.each([
    [1, 1],
    [1, 40],
    [7, 3],
    [65, 64],
  ])("keeps the size of an image of %i×%i", async (width, height) => {
    for (const options of [resnet, unet]) {
      const result = await (await load(randomGenerator(options))).translate(noiseImage(width, height));
      expect(result).toMatchObject({ width, height, channels: 3, depth: 8 });
      expect(result.data).toHaveLength(width * height * 3);
    }
  });

  it("takes an image, a path and bytes alike", async () => {
    const translator = await load(randomGenerator());
    const image = noiseImage(9, 9);
    const path = join(folder, "noise.png");
    await writeImage(path, image);
    const expected = await translator.translate(image);
    expect(await translator.translate(path)).toEqual(expected);
    expect(await translator.translate(await readFile(path))).toEqual(expected);
  });

  it("keeps 16 bits, and gives the depth that is asked for", async () => {
    const weights = randomGenerator();
    const translator = await load(weights);
    const image = noiseImage(8, 8, 3, 16);
    const expected = await direct({ options: resnet, ...rgb, weights }, imageToTensor(image));
    expect(await translator.translate(image)).toEqual(tensorToImage(expected, 16));
    expect(await translator.translate(image, { depth: 8 })).toEqual(tensorToImage(expected, 8));
    expect((await translator.translate(noiseImage(8, 8), { depth: 16 })).depth).toBe(16);
  });

  it("has the generator's channels, whatever the image's", async () => {
    const translator = await load(randomGenerator({}, { inputChannels: 1, outputChannels: 4 }));
    for (const channels of [1, 2, 3, 4]) {
      expect((await translator.translate(noiseImage(8, 8, channels))).channels).toBe(4);
    }
    expect((await failure(translator.translate(noiseImage(8, 8, 5)))).code).toBe("E_IMAGE_READ");
    const five = await load(randomGenerator({}, { inputChannels: 5, outputChannels: 5 }));
    expect((await five.translate(noiseImage(8, 8, 5))).channels).toBe(5);
  });

  it("uses the image's statistics and dropout as in training, or running ones", async () => {
    const weights = randomGenerator(unet);
    const setup = { options: unet, ...rgb, weights };
    const image = noiseImage(64, 64);
    const trained = await load(weights);
    expect([trained.info.dropout, trained.info.evaluate, trained.batches]).toEqual([true, false, false]);
    const expected = await direct(setup, imageToTensor(image));
    expect(await trained.translate(image)).toEqual(tensorToImage(expected));
    const evaluated = await load(weights, { evaluate: true });
    expect([evaluated.info.dropout, evaluated.info.evaluate, evaluated.batches]).toEqual([false, true, true]);
    const other = await direct(setup, imageToTensor(image), true);
    expect(await evaluated.translate(image)).toEqual(tensorToImage(other));
    expect(tensorToImage(other)).not.toEqual(tensorToImage(expected));
    const plain = await load(weights, { no_dropout: true });
    expect(plain.info.dropout).toBe(false);
    expect(await plain.translate(image)).not.toEqual(tensorToImage(expected));
  });

  it("takes a bare U-Net with instance norm for CycleGAN's, without dropout", async () => {
    expect((await load(randomGenerator({ ...unet, norm: "instance" }))).info.dropout).toBe(false);
  });
});

describe("many images", () => {
  it("of mixed sizes come back in order, each as if alone", async () => {
    const translator = await load(randomGenerator());
    const sizes = [
      [8, 8],
      [13, 8],
      [7, 8],
      [16, 8],
      [8, 5],
    ] as const;
    const images = sizes.map(([width, height]) => imageToTensor(noiseImage(width, height)));
    const together = await translator.translateTensors(images);
    for (const [i, image] of images.entries()) {
      const [alone] = await translator.translateTensors([image]);
      expect(together[i]!.shape).toEqual(image.shape);
      const difference = together[i]!.data.map((value, j) => Math.abs(value - alone!.data[j]!));
      expect(Math.max(...difference)).toBeLessThan(1e-5);
    }
  });

  it("do not share batch statistics", async () => {
    const translator = await load(randomGenerator({ ...unet, no_dropout: true }), { no_dropout: true });
    const images = ["a", "b"].map((key) => imageToTensor(noiseImage(64, 64, 3, 8, key)));
    const together = await translator.translateTensors(images);
    const alone = [];
    for (const image of images) alone.push(...(await translator.translateTensors([image])));
    expect(together).toEqual(alone);
  });

  it("must be tensors that the generator takes", async () => {
    const translator = await load(randomGenerator());
    const wrong = { shape: [1, 8, 8], data: new Float32Array(64) };
    expect((await failure(translator.translateTensors([wrong]))).code).toBe("E_SHAPE");
  });
});

describe("preprocess", () => {
  it("resizes and crops from the middle as the reference does for its test", async () => {
    const weights = randomGenerator();
    const image = noiseImage(30, 20);
    const translator = await load(weights, { preprocess: "resize_and_crop", crop_size: 16 });
    const resized = resizeBicubic(image, 16, 16);
    const expected = await direct({ options: resnet, ...rgb, weights }, imageToTensor(resized));
    expect(await translator.translate(image)).toEqual(tensorToImage(expected));
    expect((await translator.prepare(image)).input).toEqual(resized);
    const cropped = await load(weights, { preprocess: "crop", crop_size: 16 });
    expect((await cropped.prepare(image)).input).toEqual(cropImage(image, 7, 2, 16, 16));
    const wide = await load(weights, { preprocess: "scale_width", load_size: 16, crop_size: 8 });
    expect((await wide.prepare(noiseImage(32, 48))).input).toMatchObject({ width: 16, height: 24 });
  });

  it("takes one half of a pair side by side, and gives the other as truth", async () => {
    const pair = noiseImage(21, 8);
    const [left, right] = [cropImage(pair, 0, 0, 10, 8), cropImage(pair, 10, 0, 11, 8)];
    const weights = randomGenerator();
    const aligned = { dataset_mode: "aligned" } as const;
    const translator = await load(weights, aligned);
    expect(await translator.prepare(pair)).toEqual({ input: left, truth: right });
    expect(translator.workingSize(pair, "pair")).toEqual({ width: 12, height: 8 });
    expect(await translator.translate(pair)).toEqual(await (await load(weights)).translate(left));
    const back = await load(weights, { ...aligned, direction: "BtoA" });
    expect(await back.prepare(pair)).toEqual({ input: right, truth: left });
    expect((await failure(translator.prepare(noiseImage(1, 8)))).code).toBe("E_DATA_SIZE");
  });

  it("refuses an image that is smaller than the crop", async () => {
    const translator = await load(randomGenerator(), { preprocess: "crop", crop_size: 16 });
    expect((await failure(translator.translate(noiseImage(15, 20)))).code).toBe("E_DATA_SIZE");
  });
});

describe("memory", () => {
  it("is estimated before an image is translated", async () => {
    const translator = await load(randomGenerator({ ngf: 64, netG: "resnet_9blocks" }));
    const data = new Uint8Array(1);
    const huge = { width: 60_000, height: 50_000, channels: 3, depth: 8, data } as const;
    const error = await failure(translator.prepare(huge));
    expect(error.toLine()).toMatch(/^E_MEMORY: 60000×50000 pixels need about \d{3,}\.\d GiB of memory, /);
    expect(error.hint).toContain("--preprocess scale_width");
    expect(() => translator.workingSize(huge, "huge.png")).toThrow("60000×50000 pixels need about");
  });

  it("is refused above what is available, with some tolerance", () => {
    const size = { width: 10, height: 10 };
    expect(() => checkTranslationMemory(124, size, 100)).not.toThrow();
    expect(() => checkTranslationMemory(126, size, 100)).toThrow("10×10 pixels need about");
  });
});

describe("a damaged image", () => {
  it("is named with its code", async () => {
    const translator = await load(randomGenerator());
    const path = join(folder, "cut.png");
    await writeImage(path, noiseImage(40, 40));
    const bytes = await readFile(path);
    expect((await failure(translator.translate(bytes.subarray(0, 900)))).code).toBe("E_IMAGE_READ");
    expect((await failure(translator.translate(new TextEncoder().encode("a text")))).code).toBe(
      "E_IMAGE_READ",
    );
    const missing = await failure(translator.translate(join(folder, "missing.png")));
    expect(missing.message).toContain("missing.png: no such file");
    expect((await decodeImage(path)).width).toBe(40);
  });
});
