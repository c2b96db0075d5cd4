import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as ort from "onnxruntime-node";
import { afterAll, describe, expect, it } from "vitest";
import { encodeSafetensors } from "../../src/formats/safetensors.js";
import type { TensorMap } from "../../src/formats/tensor.js";
import { Graph } from "../../src/graph/graph.js";
import { input } from "../../src/graph/language.js";
import { networkWeights } from "../../src/networks/state-dict.js";
import { vggFeatures } from "../../src/networks/vgg-unet.js";
import { NetworkState } from "../../src/nn/forward.js";
import { compileToOnnx } from "../../src/onnx/compile.js";
import { resolveOptions } from "../../src/options/resolve.js";
import { Engine } from "../../src/runtime/engine.js";
import type { OrtModule } from "../../src/runtime/ort.js";
import { loadPretrained } from "../../src/training/pretrained.js";
import { resolveTraining } from "../../src/training/session.js";

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

/** [3, 64, 96] in [−1, 1], as make_vgg.py has it. */
function fixtureImage(): Float32Array {
  return Float32Array.from({ length: 3 * 64 * 96 }, (_, i) => {
    const [c, y, x] = [Math.floor(i / (64 * 96)), Math.floor(i / 96) % 64, i % 96];
    return ((31 * y + 17 * x + 85 * c + Math.floor((y * x) / 8)) % 256) / 127.5 - 1;
  });
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

  it("are asked for before anything is opened, and may be left out", async () => {
    const asked = {
      code: "E_OPTION",
      message: "netG vgg16_unet starts from a trained VGG16, and none is given.",
      hint: expect.stringMatching(/vgg16-397923af\.pth .* --vgg_weights, .* --vgg_weights none\.$/),
    };
    const flags = { preset: "vgg-cyclegan", dataroot: "nowhere" };
    await expect(resolveTraining({ flags })).rejects.toMatchObject(asked);
    await expect(loadPretrained(options, runner)).rejects.toMatchObject(asked);
    await expect(resolveTraining({ flags: { ...flags, vgg_weights: "none" } })).resolves.toBeDefined();
    const before = await runner.saveState();
    await loadPretrained({ ...options, vgg_weights: "none" }, runner);
    expect(await runner.saveState()).toEqual(before);
  });

  it("in torchvision's own file give torchvision's features", async () => {
    const networks = fileURLToPath(new URL("../fixtures/networks/", import.meta.url));
    await loadPretrained({ ...options, vgg_weights: join(networks, "vgg16_2.pth") }, runner);
    const weights = networkWeights(await runner.saveState(), "net_G_B");

    const graph = new Graph();
    const state = new NetworkState(graph, "net", "eval");
    const pools = vggFeatures(state, input(graph, "image", [1, 3, 64, 96]), options.ngf);
    const outputs = Object.fromEntries(pools.map((pool, i) => [`pool${i}`, pool]));
    const constants = new Map([...weights].map(([name, { data }]) => [`net/${name}`, data as Float32Array]));
    const { bytes } = compileToOnnx(outputs, { constants });
    const session = await ort.InferenceSession.create(bytes);
    const image = new ort.Tensor("float32", fixtureImage(), [1, 3, 64, 96]);
    const results = await session.run({ image });
    await session.release();

    // Of each block every 7th number, as torchvision computed it: test/fixtures/make_vgg.py.
    const expected = JSON.parse(readFileSync(join(networks, "vgg16_2.json"), "utf8")) as number[][];
    expect(expected).toHaveLength(5);
    expected.forEach((values, i) => {
      const features = results[`out:pool${i}`]!.data as Float32Array;
      expect(values).toHaveLength(Math.ceil(features.length / 7));
      expect(Math.max(...values), `block ${i + 1}`).toBeGreaterThan(0.3);
      const differences = values.map((value, k) => Math.abs(value - features[7 * k]!));
      expect(Math.max(...differences), `block ${i + 1}`).toBeLessThan(1e-5);
    });
  });

  it("must be all there", async () => {
    const vgg_weights = await vggFile("features.28.bias");
    await expect(loadPretrained({ ...options, vgg_weights }, runner)).rejects.toMatchObject({
      ...{ code: "E_CHECKPOINT_MISMATCH", message: expect.stringContaining("has no features.28.bias") },
    });
  });
});
