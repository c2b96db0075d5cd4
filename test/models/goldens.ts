import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { decodeSafetensors } from "../../src/formats/safetensors.js";
import type { FloatTensor, TensorMap } from "../../src/formats/tensor.js";
import { toFloatTensor } from "../../src/formats/weights.js";
import { presetOfModel, presets } from "../../src/options/presets.js";
import type { ModelOptions } from "../../src/options/schema.js";
import type { Batch } from "../../src/runtime/runner.js";

const folder = fileURLToPath(new URL("../fixtures/goldens/", import.meta.url));

export type GoldenOptions = ModelOptions & { steps: number; batch: number; size: [number, number] };

/** What PyTorch computed in float64 for one set of options; see test/fixtures/goldens/README.md. */
export interface Golden {
  readonly name: string;
  readonly options: GoldenOptions;
  readonly losses: readonly Record<string, number>[];
  readonly zeroGradient: ReadonlySet<string>;
  readonly tensors: TensorMap;
}

export const goldenNames = (): string[] =>
  readdirSync(folder)
    .filter((file) => /^(pix2pix|cycle_gan)_.*\.safetensors$/.test(file))
    .map((file) => file.replace(".safetensors", ""));

export function readGolden(name: string): Golden {
  const { tensors, metadata } = decodeSafetensors(readFileSync(`${folder}${name}.safetensors`), name);
  return {
    name,
    options: complete(JSON.parse(metadata.options!)),
    losses: JSON.parse(metadata.losses!),
    zeroGradient: new Set(JSON.parse(metadata.zero_gradient!) as string[]),
    tensors,
  };
}

/** Files that were written before an option came to be have its default. */
const complete = (options: GoldenOptions): GoldenOptions => ({
  ...presets[presetOfModel[options.model]],
  ...options,
});

/** The tensors under a prefix, which is cut off. */
export function under(tensors: TensorMap, prefix: string): Map<string, FloatTensor> {
  const found = [...tensors].filter(([name]) => name.startsWith(prefix));
  return new Map(found.map(([name, tensor]) => [name.slice(prefix.length), toFloatTensor(tensor)]));
}

/** The starting state dict of one network. */
export const initialWeights = ({ tensors }: Golden, network: string): TensorMap =>
  new Map(
    [...tensors]
      .filter(([name]) => name.startsWith(`${network}/`))
      .map(([name, t]) => [name.slice(network.length + 1), t]),
  );

export const goldenBatch = ({ tensors }: Golden, step: number): Batch => ({
  real_A: toFloatTensor(tensors.get(`real_A.${step}`)!),
  real_B: toFloatTensor(tensors.get(`real_B.${step}`)!),
});

/** The dropout masks of one step, by the names of the graph's inputs. */
export function goldenMasks({ tensors }: Golden, step: number): Map<string, Float32Array> {
  const masks = under(tensors, `dropout.${step}/`);
  return new Map([...masks].map(([name, { data }]) => [`dropout/${name}`, data]));
}

/** The numbers in [0, 1) of one step, by the names of the graph's inputs. */
export function goldenUniforms({ tensors }: Golden, step: number): Map<string, Float32Array> {
  const draws = under(tensors, `uniform.${step}/`);
  return new Map([...draws].map(([name, { data }]) => [`uniform/${name}`, data]));
}

/** |a − b| / |b|, in the Euclidean norm. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < expected.length; i++) {
    difference += (actual[i]! - expected[i]!) ** 2;
    norm += expected[i]! ** 2;
  }
  return Math.sqrt(difference / norm);
}
