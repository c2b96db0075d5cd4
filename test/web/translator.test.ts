import { copyFile, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeImage } from "../../src/data/image.js";
import type { Image } from "../../src/data/pixels.js";
import type { TensorMap } from "../../src/formats/tensor.js";
import type { GeneratorOptions } from "../../src/networks/registry.js";
import { RandomStream } from "../../src/random/philox.js";
import { exportModel } from "../../src/translation/export.js";
import { loadTranslator } from "../../src/translation/load.js";
import type { Preparation } from "../../src/translation/prepare.js";
import { temporaryFolder } from "../data/files.js";
import { CHROMIUM } from "../setup/chromium.js";
import { randomGenerator, writeTorch, writeWeights } from "../translation/models.js";
import { buildPage } from "./build-page.js";
import { Pages } from "./pages.js";
import { StaticServer } from "./static-server.js";

/** The demo's generator. */
const DEMO: Partial<GeneratorOptions> = {
  ...{ netG: "unet_64", ngf: 24, norm: "none", upsample: "resize-conv", learn_residual: true },
};
const MODELS: Readonly<Record<string, readonly [Partial<GeneratorOptions>, input: number, output: number]>> =
  {
    demo: [DEMO, 3, 3],
    unet: [{ netG: "unet_64", ngf: 8, norm: "batch" }, 3, 3],
    resnet: [{ netG: "resnet_6blocks", ngf: 8, norm: "instance" }, 3, 3],
    gray: [{ netG: "unet_64", ngf: 8, norm: "instance" }, 1, 1],
    colours: [{ netG: "resnet_6blocks", ngf: 8, norm: "instance" }, 1, 2],
  };
const PICTURES = { odd: [45, 61], even: [128, 64] } as const;

interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly data: readonly number[];
}

/** Makes weights so small that a network without norms, which adds to its input, is not at its bounds everywhere. */
function calm(weights: TensorMap): void {
  for (const [name, { dtype, data }] of weights) {
    if (dtype === "F32" && name !== "skip.weight") for (const i of data.keys()) data[i]! *= 0.1;
  }
}

/** Noise on slopes: every level of every channel. */
function picture(name: string, width: number, height: number): Image {
  const noise = new Float32Array(width * height * 3);
  new RandomStream(1, name).fillUniform(noise);
  const data = Uint8Array.from(noise, (value, i) =>
    Math.min(255, value * 128 + ((i / 3) % width) * (128 / width)),
  );
  return { width, height, channels: 3, depth: 8, data };
}

/** The largest difference of an RGBA result to Node's image, in levels of 255. */
function largestDifference(result: Pixels, image: Image): number {
  expect([result.width, result.height]).toEqual([image.width, image.height]);
  expect(result.data.length).toBe(image.width * image.height * 4);
  expect(new Set(image.data).size).toBeGreaterThan(30);
  return result.data.reduce((largest, value, i) => {
    if (i % 4 === 3) return Math.max(largest, 255 - value);
    const from = Math.floor(i / 4) * image.channels + (image.channels === 1 ? 0 : i % 4);
    return Math.max(largest, Math.abs(value - image.data[from]!));
  }, 0);
}

describe.skipIf(CHROMIUM === undefined)("pixcycle/web in Chromium", () => {
  let folder: string;
  const runs = temporaryFolder("web");
  let pages: Pages;

  beforeAll(async () => {
    folder = await buildPage();
    for (const [name, [options, inputChannels, outputChannels]] of Object.entries(MODELS)) {
      const weights = randomGenerator(options, { inputChannels, outputChannels });
      const metadata = name === "colours" ? { dataset_mode: "colorization" } : {};
      if (name === "demo") calm(weights);
      const path = await writeWeights(join(runs, `${name}.safetensors`), weights, metadata);
      await copyFile(path, join(folder, `${name}.safetensors`));
      await writeFile(join(folder, `${name}.onnx`), (await exportModel(path, { threads: 1 })).bytes);
      if (name === "resnet") await writeTorch(join(folder, "resnet.pth"), weights);
    }
    for (const [name, [width, height]] of Object.entries(PICTURES)) {
      await writeFile(join(folder, `${name}.png`), await encodeImage(picture(name, width, height), "png"));
    }
    pages = await Pages.start(folder, { webgpu: true });
  });
  afterAll(() => pages?.stop());

  /** A page of a server, and where its requests went. */
  async function openPage(server: StaticServer): Promise<{ page: Page; origins: Set<string> }> {
    const context = await pages.browser.newContext();
    const origins = new Set<string>();
    context.on("request", (request) => {
      if (/^https?:|^wss?:/.test(request.url())) origins.add(new URL(request.url()).origin);
    });
    const page = await context.newPage();
    await page.goto(`${server.origin}/`);
    return { page, origins };
  }

  const call = <T>(page: Page, method: string, ...args: readonly unknown[]): Promise<T> =>
    page.evaluate(`page.${method}(${args.map((arg) => JSON.stringify(arg)).join(", ")})`);

  async function inNode(model: string, file: string, preparation: Partial<Preparation> = {}): Promise<Image> {
    // Exported without dropout.
    const translator = await loadTranslator(join(runs, `${model}.safetensors`), {
      ...{ threads: 1, no_dropout: true },
      ...preparation,
    });
    try {
      return await translator.translate(join(folder, file));
    } finally {
      await translator.close();
    }
  }

  it.each(Object.keys(MODELS))("translates as Node does: %s", async (model) => {
    const { page, origins } = await openPage(pages.isolated);
    const info = await call<object>(page, "load", "it", `${model}.onnx`, { device: "wasm" });
    expect(info).toMatchObject({ device: "wasm", threads: 2 });
    for (const file of ["odd.png", "even.png"]) {
      const result = await call<Pixels>(page, "translate", "it", "blob", file);
      expect(largestDifference(result, await inNode(model, file))).toBeLessThanOrEqual(1);
    }
    expect([...origins]).toEqual([pages.isolated.origin]);
    await page.context().close();
  });

  it("takes bitmaps, canvases, videos and ImageData, and sizes as Node does", async () => {
    const { page } = await openPage(pages.isolated);
    await call(page, "load", "it", "resnet.onnx", { device: "wasm" });
    const expected = await inNode("resnet", "odd.png");
    for (const kind of ["bitmap", "canvas", "imagedata"]) {
      const result = await call<Pixels>(page, "translate", "it", kind, "odd.png");
      expect([kind, largestDifference(result, expected) <= 1]).toEqual([kind, true]);
    }
    const video = await call<Pixels>(page, "translate", "it", "video", "even.png");
    expect([video.width, video.height]).toEqual([128, 64]);

    const preparation = { preprocess: "scale_width_and_crop", load_size: 80, crop_size: 56 } as const;
    const result = await call<Pixels>(page, "translate", "it", "bitmap", "odd.png", preparation);
    expect(largestDifference(result, await inNode("resnet", "odd.png", preparation))).toBeLessThanOrEqual(1);
    await page.context().close();
  });

  it("recognises weights without ONNX: safetensors, a .pth, their bytes", async () => {
    const { page } = await openPage(pages.isolated);
    const expected = await inNode("resnet", "odd.png");
    await call(page, "load", "a", "resnet.safetensors", { device: "wasm" });
    await call(page, "loadBytes", "b", "resnet.pth", { device: "wasm" });
    for (const name of ["a", "b"]) {
      const result = await call<Pixels>(page, "translate", name, "bitmap", "odd.png");
      expect(largestDifference(result, expected)).toBeLessThanOrEqual(1);
    }
    await call(page, "load", "c", "colours.safetensors", { device: "wasm" });
    const coloured = await call<Pixels>(page, "translate", "c", "bitmap", "odd.png");
    expect(largestDifference(coloured, await inNode("colours", "odd.png"))).toBeLessThanOrEqual(1);
    await page.context().close();
  });

  it("runs on one thread where the page is not cross-origin isolated", async () => {
    const { page } = await openPage(pages.plain);
    const info = await call<object>(page, "load", "it", "unet.onnx", { threads: 4 });
    expect(info).toMatchObject({ device: "wasm", threads: 1 });
    const result = await call<Pixels>(page, "translate", "it", "blob", "odd.png");
    expect(largestDifference(result, await inNode("unet", "odd.png"))).toBeLessThanOrEqual(1);
    await page.context().close();
  });

  it("translates on WebGPU", async () => {
    const { page, origins } = await openPage(pages.plain);
    const info = await call<object>(page, "load", "it", "resnet.onnx", { device: "webgpu" });
    expect(info).toMatchObject({ device: "webgpu", threads: 1 });
    const result = await call<Pixels>(page, "translate", "it", "bitmap", "odd.png");
    expect(largestDifference(result, await inNode("resnet", "odd.png"))).toBeLessThanOrEqual(1);
    expect([...origins]).toEqual([pages.plain.origin]);
    await page.context().close();
  });

  it.each([
    ["isolated", 2],
    ["plain", 1],
  ] as const)(
    "translates a drawing with the demo's generator in less than a second, and the page stays alive: %s, wasm threads: %i",
    async (kind, threads) => {
      const { page } = await openPage(pages[kind]);
      expect(await call(page, "load", "it", "demo.onnx", { device: "wasm", threads: 2 })).toMatchObject({
        threads,
      });
      const { median, fastest, frames } = await call<
        Readonly<Record<"median" | "fastest" | "frames", number>>
      >(page, "time", "it", 128, 9);
      const figures = `median ${median.toFixed(0)} ms, fastest ${fastest.toFixed(0)} ms`;
      console.log(`demo generator, 128 px, wasm threads: ${threads}; ${figures}`);
      expect(median).toBeLessThan(1000);
      expect(frames).toBeGreaterThan(9);
      await page.context().close();
    },
  );

  it("says what is wrong", async () => {
    const { page } = await openPage(pages.plain);
    const failure = (action: string) => page.evaluate<string>(`page.failure(() => ${action})`);
    expect(await failure('page.load("x", "none.onnx")')).toMatch(
      /^PixcycleError E_DOWNLOAD: \/none.onnx cannot be loaded: the server answers 404\.$/,
    );
    expect(await failure('page.load("x", "index.html")')).toMatch(/^PixcycleError E_FILE_FORMAT: .*web page/);
    expect(await failure('page.load("x", new Uint8Array([8, 9]))')).toMatch(/^PixcycleError E_FILE_FORMAT: /);
    await call(page, "load", "it", "unet.onnx", { device: "wasm" });
    expect(await failure('page.translate("it", "blob", "index.html")')).toMatch(
      /^PixcycleError E_IMAGE_READ: /,
    );
    await call(page, "close", "it");
    expect(await failure('page.translate("it", "blob", "odd.png")')).toMatch(
      /^PixcycleError E_RUNTIME: .*closed/,
    );
    await page.context().close();
  });

  it("is small: less than 60 kB of JavaScript, compressed, on a page that translates on wasm", async () => {
    const server = await StaticServer.start(folder);
    const { page } = await openPage(server);
    await call(page, "load", "it", "unet.onnx", { device: "wasm" });
    await call(page, "translate", "it", "blob", "odd.png");
    await page.context().close();
    await server.stop();
    const names = new Set(server.requests.filter((name) => name.endsWith(".js")));
    const sizes = await Promise.all(
      [...names].map(async (name) => gzipSync(await readFile(join(folder, name))).length),
    );
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    console.log(`a page that translates: ${(bytes / 1000).toFixed(1)} kB of JavaScript, compressed`);
    expect(bytes).toBeGreaterThan(20_000);
    expect(bytes).toBeLessThan(60_000);
  });

  it("has nothing of Node in it, nor the library that checks options", async () => {
    const assets = join(folder, "assets");
    for (const name of (await readdir(assets)).filter((file) =>
      /^(index|worker|weights).*\.js$/.test(file),
    )) {
      const text = await readFile(join(assets, name), "utf8");
      expect([name, /from"node:|require\("node:|ZodError|libvips/.exec(text)?.[0]]).toEqual([
        name,
        undefined,
      ]);
    }
  });
});
