import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as node from "onnxruntime-node";
import * as web from "onnxruntime-web";
import { beforeAll, describe, expect, it } from "vitest";
import { decodeSafetensors } from "../../src/formats/safetensors.js";
import type { FloatTensor } from "../../src/formats/tensor.js";
import { readTensorFile } from "../../src/formats/tensor-file.js";
import { toFloatTensor } from "../../src/formats/weights.js";
import { inferNetwork } from "../../src/networks/infer.js";
import { exportNetwork } from "../../src/runtime/export.js";
import type { OrtModule } from "../../src/runtime/ort.js";
import { loadTranslator } from "../../src/translation/load.js";

/** Every network of the reference as PyTorch saved it; see test/fixtures/make_reference_networks.py. */

const folder = fileURLToPath(new URL("../fixtures/networks/", import.meta.url));
const STRIDE = 8;

interface Case {
  readonly netG?: string;
  readonly netD?: string;
  readonly norm?: string;
  readonly mode?: "train" | "eval";
  readonly no_dropout?: boolean;
  readonly old_statistics?: boolean;
}

const { tensors: expected, metadata } = decodeSafetensors(
  readFileSync(`${folder}expected.safetensors`),
  "expected",
);
const cases = Object.entries(JSON.parse(metadata.cases!) as Record<string, Case>);
const generators = cases.filter(([, { netG }]) => netG !== undefined);

/**
 * In float32 the result depends on the processor: without norms, the order of sums alone moves it by 1.1e-5 (PyTorch's own float32 is 1.4e-5
 * off). In WebAssembly, the means of norms are sums with less care.
 */
const runtimes: readonly [OrtModule, number][] = [
  [node as OrtModule, 2e-5],
  [web as OrtModule, 1e-4],
];

beforeAll(() => {
  web.env.wasm.numThreads = 1;
});

/** The image that the results were computed from: [C, H, W]. */
function makeImage(channels: number, height: number, width: number): FloatTensor {
  const data = new Float32Array(channels * height * width);
  for (let i = 0; i < data.length; i++) {
    const [column, row] = [i % width, Math.floor(i / width) % height];
    const channel = Math.floor(i / (width * height));
    data[i] = ((29 * channel + 13 * row + 7 * column + row * column) % 41) / 20 - 1;
  }
  return { shape: [channels, height, width], data };
}

function imageFor({ netG, netD }: Case, channels: number): FloatTensor {
  const sizes: Record<string, [number, number]> = {
    ...{ unet_256: [256, 256], unet_128: [128, 256], unet_64: [128, 64] },
  };
  return makeImage(channels, ...(sizes[netG ?? netD!] ?? [96, 128]));
}

/** The largest difference to what PyTorch computed in float64. */
function distance(name: string, { data }: { data: Float32Array }, shape: readonly number[]): number {
  const truth = toFloatTensor(expected.get(name)!);
  const [channels, height, width] = shape.slice(-3) as [number, number, number];
  const stride = truth.shape.at(-1) === width ? 1 : STRIDE;
  const kept: number[] = [];
  for (let row = 0; row < channels * height; row++) {
    if ((row % height) % stride !== 0) continue;
    for (let column = 0; column < width; column += stride) kept.push(data[row * width + column]!);
  }
  expect(kept).toHaveLength(truth.data.length);
  return kept.reduce((largest, value, i) => Math.max(largest, Math.abs(value - truth.data[i]!)), 0);
}

describe("a PyTorch file of the reference gives PyTorch's image", () => {
  it.each(generators)("%s", async (name, use) => {
    // The results are without dropout; an instance norm is the same in both modes.
    const quiet = use.no_dropout === false ? { evaluate: true } : { no_dropout: true };
    const evaluate = use.mode === "eval";
    const translator = await loadTranslator(`${folder}${name}.pth`, { evaluate, threads: 1, ...quiet });
    try {
      const { architecture } = translator.info;
      const dropout = use.netG!.startsWith("unet") ? undefined : use.no_dropout === false;
      expect(architecture).toMatchObject({ netG: use.netG, norm: use.norm ?? "instance", dropout });
      const [result] = await translator.translateTensors([imageFor(use, architecture.inputChannels)]);
      expect(distance(name, result!, result!.shape)).toBeLessThan(1e-5);
    } finally {
      await translator.close();
    }
  });
});

describe("exported to ONNX, a PyTorch file gives PyTorch's result", () => {
  it.each(cases)("%s", async (name, use) => {
    const file = `${folder}${name}.pth`;
    const network = inferNetwork((await readTensorFile(file)).tensors, file);
    expect(network.dropped.length > 0).toBe(use.old_statistics === true);
    const options = { mode: use.mode ?? "train", dropout: false, half: false, metadata: {} };
    const model = exportNetwork(network, options);
    const { shape, data } = imageFor(use, network.network.inputChannels);
    for (const [runtime, most] of runtimes) {
      const session = await runtime.InferenceSession.create(model);
      const results = await session.run({ image: new runtime.Tensor("float32", data, [1, ...shape]) });
      const [result] = Object.values(results);
      expect(distance(name, { data: result!.data as Float32Array }, result!.dims)).toBeLessThan(most);
      await session.release();
    }
  });
});
