import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { afterAll, describe, expect, it } from "vitest";
import { encodeSafetensors } from "../../src/formats/safetensors.js";
import type { TensorMap } from "../../src/formats/tensor.js";
import { resolveOptions } from "../../src/options/resolve.js";
import { Engine } from "../../src/runtime/engine.js";
import type { OrtModule } from "../../src/runtime/ort.js";
import { loadPretrained } from "../../src/training/pretrained.js";

const { options } = resolveOptions({ flags: { preset: "vgg-cyclegan", ngf: 2, ndf: 1 } });
const runner = new Engine(ort as OrtModule, options, { threads: 1 });
afterAll(() => runner.close());

const isEncoder = (key: string): boolean => key.startsWith("net_G_A/features.");

/** A file as torchvision's: the encoder's tensors, filled with their position, and a classifier. */
async function vggFile(without = ""): Promise<string> {
  const tensors: TensorMap = new Map();
  for (const [key, { shape, data }] of await runner.saveState()) {
    const name = key.replace("net_G_A/", "");
    if (!isEncoder(key) || name === without) continue;
    tensors.set(name, { dtype: "F32", shape, data: new Float32Array(data.length).fill(tensors.size + 1) });
  }
  tensors.set("classifier.0.bias", { dtype: "F32", shape: [2], data: new Float32Array(2) });
  const path = join(mkdtempSync(join(tmpdir(), "pixcycle-vgg-")), "vgg16.safetensors");
  writeFileSync(path, encodeSafetensors(tensors));
  return path;
}

describe("VGG16's weights", () => {
  it("fill the encoders of both generators, and nothing else", async () => {
    const before = await runner.saveState();
    await loadPretrained({ ...options, vgg_weights: await vggFile() }, runner);
    const after = await runner.saveState();
    const encoder = [...after.keys()].filter(isEncoder);
    expect(encoder).toHaveLength(26);
    encoder.forEach((key, i) => {
      for (const network of ["net_G_A", "net_G_B"]) {
        const { data } = after.get(key.replace("net_G_A", network))!;
        expect(new Set(data as Float32Array)).toEqual(new Set([i + 1]));
      }
    });
    for (const [key, { data }] of after) {
      if (!/^net_G_.\/features\./.test(key)) expect(data, key).toEqual(before.get(key)!.data);
    }
  });

  it("are asked for, and may be left out", async () => {
    await expect(loadPretrained(options, runner)).rejects.toMatchObject({
      ...{ code: "E_OPTION", hint: expect.stringContaining("--vgg_weights none") },
    });
    const before = await runner.saveState();
    await loadPretrained({ ...options, vgg_weights: "none" }, runner);
    expect(await runner.saveState()).toEqual(before);
  });

  it("must be all there", async () => {
    const vgg_weights = await vggFile("features.28.bias");
    await expect(loadPretrained({ ...options, vgg_weights }, runner)).rejects.toMatchObject({
      ...{ code: "E_CHECKPOINT_MISMATCH", message: expect.stringContaining("has no features.28.bias") },
    });
  });
});
