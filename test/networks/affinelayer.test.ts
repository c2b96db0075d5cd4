import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { Image } from "../../src/data/pixels.js";
import { imageToTensor } from "../../src/data/pixels.js";
import { readTensorFile } from "../../src/formats/tensor-file.js";
import { inferGenerator } from "../../src/networks/infer.js";
import { loadTranslator, type TranslatorOptions } from "../../src/translation/load.js";
import { runCli } from "../cli/run-cli.js";
import { failure, temporaryFolder } from "../data/files.js";

const folder = temporaryFolder("affinelayer");
const networks = fileURLToPath(new URL("../fixtures/networks/", import.meta.url));
const file = join(networks, "affinelayer.pict");
/** What numpy makes of the image by TensorFlow's formulas, at every crossing of these rows and columns. */
const expected = JSON.parse(readFileSync(join(networks, "affinelayer.json"), "utf8")) as {
  rows: number[];
  columns: number[];
  values: number[];
};

const [width, height] = [512, 256];
const image: Image = { width, height, channels: 3, depth: 8, data: new Uint8Array(3 * width * height) };
for (let y = 0, i = 0; y < height; y++) {
  for (let x = 0; x < width; x++) {
    for (let c = 0; c < 3; c++) image.data[i++] = 31 * y + 17 * x + 85 * c + ((y * x) >> 3);
  }
}

/** The largest difference to numpy's result. */
async function difference(path: string, options: TranslatorOptions = {}): Promise<number> {
  const translator = await loadTranslator(path, { threads: 1, ...options });
  const [result] = await translator.translateTensors([imageToTensor(image)]);
  await translator.close();
  let worst = 0;
  let i = 0;
  for (const y of expected.rows) {
    for (const x of expected.columns) {
      for (let c = 0; c < 3; c++) {
        const got = result!.data[(c * height + y) * width + x]!;
        worst = Math.max(worst, Math.abs(got - expected.values[i++]!));
      }
    }
  }
  expect(i).toBe(expected.values.length);
  return worst;
}

const weights = async () => (await readTensorFile(file)).tensors;
const refusal = async (tensors: Awaited<ReturnType<typeof weights>>) =>
  failure((async () => inferGenerator(tensors, "cats.pict"))());

describe("affinelayer's generator", () => {
  it("is recognised, and what changes nothing is left out", async () => {
    const { architecture, dropped } = inferGenerator(await weights(), file);
    expect(architecture).toEqual({
      ...{ kind: "generator", netG: "unet_256", ngf: 1, norm: "instance_affine", net_style: "affinelayer" },
      ...{ upsample: "deconv", dropout: undefined, inputChannels: 3, outputChannels: 3 },
    });
    expect(dropped).toHaveLength(14);
    for (const name of dropped) expect(name).toMatch(/coder_[2-8]\/conv2d(_transpose)?\/bias$/);
  });

  it("computes what TensorFlow's formulas say", async () => {
    expect(Math.max(...expected.values.map(Math.abs))).toBeGreaterThan(0.9);
    expect(await difference(file)).toBeLessThan(1e-5);
    expect(await difference(file, { evaluate: true })).toBeLessThan(1e-5);
  });

  it("is imported as safetensors and translated with by the command line", async () => {
    const out = join(folder, "cats.safetensors");
    const { status, stdout, stderr } = await runCli(["import", file, "--out", out]);
    expect([status, stdout]).toEqual([0, `wrote ${out}\n`]);
    expect(stderr).toContain("net_G, unet_256, ngf 1, norm instance_affine");
    expect(stderr).toContain("14 unused tensors dropped");
    expect(await difference(out)).toBeLessThan(1e-5);
    const inspected = await runCli(["inspect", file]);
    expect([inspected.status, inspected.stdout]).toEqual([0, expect.stringContaining("style affinelayer")]);
  });

  it("with moving averages, which nothing uses, is the same", async () => {
    const tensors = await weights();
    const norm = "generator/encoder_3/batch_normalization";
    for (const name of ["moving_mean", "moving_variance"]) {
      tensors.set(`${norm}/${name}`, { dtype: "F32", shape: [4], data: new Float32Array(4) });
    }
    expect(inferGenerator(tensors, file).dropped).toHaveLength(16);
  });

  it("with another tensor, without one or with a misshapen one is refused", async () => {
    const scale = "generator/decoder_5/batch_normalization/gamma";
    const without = await weights();
    without.delete(scale);
    expect((await refusal(without)).toLine()).toMatch(
      /^E_CHECKPOINT_MISMATCH: cats\.pict looks like affinelayer's .* but generator\/decoder_5\/batch_normalization\/gamma is missing\./,
    );
    const more = await weights();
    more.set("generator/decoder_9/conv2d_transpose/bias", more.get(scale)!);
    expect((await refusal(more)).message).toContain("decoder_9/conv2d_transpose/bias is unknown");
    const flat = await weights();
    flat.set("generator/encoder_2/conv2d/kernel", flat.get(scale)!);
    expect((await refusal(flat)).message).toContain("encoder_2/conv2d/kernel has 1 dimensions");
    const small = await weights();
    small.set(scale, { dtype: "F32", shape: [3], data: new Float32Array(3) });
    expect((await refusal(small)).code).toBe("E_CHECKPOINT_MISMATCH");
  });
});
