import { mkdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { encodeSafetensors } from "../../src/formats/safetensors.js";
import type { FileTensor, TensorMap } from "../../src/formats/tensor.js";
import { stridesOf } from "../../src/graph/shape.js";
import { describeNetwork, type GeneratorOptions, generator } from "../../src/networks/registry.js";
import { initialValue } from "../../src/nn/initialise.js";
import { resolveOptions } from "../../src/options/resolve.js";
import { createRunner } from "../../src/runtime/node/create.js";
import { saveCheckpoint } from "../../src/training/checkpoint.js";
import { startPosition } from "../../src/training/position.js";
import { beginRun, runFolder, writeLatest } from "../../src/training/run-folder.js";
import { dict, int, pickle, storage, tensor, text, tuple, zip } from "../formats/torch-files.js";

const INIT = { init_type: "normal", init_gain: 0.3 } as const;

/** Random weights of a small generator. */
export function randomGenerator(
  changes: Partial<GeneratorOptions> = {},
  { inputChannels = 3, outputChannels = 3, seed = 0 } = {},
): TensorMap {
  const options: GeneratorOptions = {
    ...{ netG: "resnet_6blocks", ngf: 4, norm: "instance", no_dropout: true, upsample: "deconv" },
    ...changes,
  };
  const weights: TensorMap = new Map();
  for (const spec of describeNetwork(generator("net_G", options, inputChannels, outputChannels))) {
    const tensor: FileTensor =
      spec.role === "counter"
        ? { dtype: "I64", shape: [], data: BigInt64Array.of(1n) }
        : { dtype: "F32", shape: spec.shape, data: initialValue(spec, spec.name, INIT, seed) };
    weights.set(spec.name, tensor);
  }
  return weights;
}

export async function writeWeights(
  path: string,
  weights: TensorMap,
  metadata: Record<string, string> = {},
): Promise<string> {
  await writeFile(path, encodeSafetensors(weights, metadata));
  return path;
}

/** The same as a `.pth` in PyTorch's zip container, names under the `module.` of data-parallel training. */
export async function writeTorch(path: string, weights: TensorMap): Promise<string> {
  const entries: Record<string, Uint8Array> = {};
  const items = [...weights].flatMap(([name, { dtype, shape, data }], i) => {
    if (dtype === "I64") return [];
    entries[`archive/data/${i}`] = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const from = storage({ key: text(String(i)), count: int(data.length) });
    const strides = stridesOf(shape).map(int);
    return [
      text(`module.${name}`),
      tensor({ from, shape: tuple(...shape.map(int)), strides: tuple(...strides) }),
    ];
  });
  await writeFile(path, await zip(pickle(dict(...items)), entries));
  return path;
}

/** A run with checkpoints of untrained small networks at the given steps. */
export async function writeRun(
  runs_dir: string,
  name: string,
  given: Readonly<Record<string, unknown>> = {},
  steps: readonly number[] = [10],
): Promise<string> {
  const small = { netG: "unet_64", ngf: 2, ndf: 2, load_size: 64, crop_size: 64, dataroot: "none" };
  const resolved = resolveOptions({ flags: { model: "pix2pix", ...small, runs_dir, name, ...given } });
  const { options } = resolved;
  const folder = runFolder(options);
  mkdirSync(runs_dir, { recursive: true });
  await beginRun(folder, resolved);
  const runner = createRunner(options, { threads: 1 });
  const state = await runner.saveState();
  await runner.close();
  for (const step of steps) {
    const position = { ...startPosition(options, 5), step, epoch: 1 + step / 5 };
    const path = await saveCheckpoint(folder.checkpoints, state, { kept: true, position, options });
    await writeLatest(folder, path);
  }
  await writeFile(
    folder.metrics,
    `${JSON.stringify({ step: 9, epoch: 2, losses: { G_L1: 2 }, seconds: 1, data_seconds: 0.5 })}\n` +
      `${JSON.stringify({ step: 10, epoch: 2, losses: { G_L1: 1.5 }, seconds: 1.5 })}\n{"step": 11, "lo`,
  );
  return join(runs_dir, name);
}
