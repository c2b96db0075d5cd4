import { noiseImages } from "../data/noise.js";
import type { FloatTensor, TensorMap } from "../formats/tensor.js";
import { floatMap } from "../formats/weights.js";
import { Graph } from "../graph/graph.js";
import { input } from "../graph/language.js";
import { elements } from "../graph/shape.js";
import type { InferredNetwork } from "../networks/infer.js";
import type { Network } from "../networks/registry.js";
import { type Mode, NetworkState } from "../nn/forward.js";
import type { NormKind } from "../nn/layers.js";
import { exportToOnnx } from "../onnx/export.js";
import { version } from "../version.js";
import { deviceOf } from "./device.js";
import { GraphSession, type OrtModule, openSession, type SessionSettings } from "./ort.js";
import { compileTranslation } from "./programs.js";

/** How a network is exported. */
export interface NetworkExport {
  /** `train` normalises by the statistics of the batch, as the reference does in its test too; `eval` by running ones. */
  readonly mode: Mode;
  /** Keep dropout on, where the network has it. */
  readonly dropout: boolean;
  /** Weights and computation in float16, input and output in float32. */
  readonly half: boolean;
  /** Added to what `exportMetadata` says. */
  readonly metadata: Readonly<Record<string, string>>;
}

export type ExportedNetwork = Pick<InferredNetwork, "architecture" | "network" | "weights">;

/**
 * A network as an ONNX model: input `image` [batch, C, height, width] in [−1, 1], height and width multiples of the
 * network's divisor, and output `result` (generators, of the same size) or `logits` (discriminators).
 */
export function exportNetwork(exported: ExportedNetwork, options: NetworkExport): Uint8Array {
  const { network, architecture, weights } = exported;
  const graph = new Graph();
  const state = new NetworkState(graph, network.name, options.mode);
  const [{ height, width }] = exampleSizes(network) as [Size];
  const image = input(graph, "image", [2, network.inputChannels, 2 * height, 2 * width]);
  const result = state.call("export", () => network.forward(state, image));
  const sides =
    architecture.kind === "generator" ? (["height", "width"] as const) : (["rows", "columns"] as const);
  return exportToOnnx({
    name: network.name,
    input: {
      tensor: image,
      name: "image",
      shape: ["batch", network.inputChannels, "height", "width"],
    },
    output: {
      tensor: result,
      name: architecture.kind === "generator" ? "result" : "logits",
      shape: ["batch", result.shape[1]!, ...sides],
    },
    constants: new Map([...floatMap(weights)].map(([name, { data }]) => [`${network.name}/${name}`, data])),
    masks: new Map(state.masks.map(({ name, probability }) => [name, probability])),
    dropout: options.dropout,
    half: options.half,
    metadata: { ...exportMetadata(exported, options), ...options.metadata },
  });
}

/** What a program needs to know to use an exported model, as text. */
export function exportMetadata(
  { architecture, network }: ExportedNetwork,
  { mode, dropout, half }: Omit<NetworkExport, "metadata">,
): Record<string, string> {
  const perChannel = JSON.stringify(new Array<number>(network.inputChannels).fill(0.5));
  return {
    pixcycle_version: version,
    kind: architecture.kind,
    options: JSON.stringify(architecture),
    input_channels: String(network.inputChannels),
    ...(architecture.kind === "generator" && { output_channels: String(architecture.outputChannels) }),
    layout: "NCHW",
    // Of samples scaled to [0, 1]: (x − mean) / std.
    ...{ range: "[-1, 1]", mean: perChannel, std: perChannel },
    divisor: String(network.divisor),
    minimum_size: String(network.minimumSize),
    norm_statistics: normStatistics(architecture.norm, mode),
    dropout: dropout ? "on" : "off",
    precision: half ? "float16" : "float32",
  };
}

function normStatistics(norm: NormKind, mode: Mode): string {
  if (norm === "none") return "none";
  if (norm !== "batch") return "of each image";
  return mode === "train" ? "of the batch" : "running";
}

interface Size {
  readonly height: number;
  readonly width: number;
}

/** Three sizes that a network can be run on. */
function exampleSizes({ divisor, minimumSize }: Network): Size[] {
  const unit = Math.ceil(Math.max(minimumSize, 32) / divisor) * divisor;
  return [
    { height: unit, width: unit },
    { height: 2 * unit, width: unit },
    { height: unit, width: 2 * unit + divisor },
  ];
}

export interface ParityOptions {
  readonly ort: OrtModule;
  /** What runs the exported model; `ort` if left out. */
  readonly other?: OrtModule;
  /** Of both; by default on every core. */
  readonly settings?: SessionSettings;
}

/**
 * The largest difference between an exported model and pixcycle's own translation, on random images of three sizes, the
 * second a batch of two; without dropout. NaN if a result is not a number.
 */
export async function exportParity(
  model: Uint8Array,
  { network, weights }: ExportedNetwork,
  mode: Mode,
  { ort, other = ort, settings = { threads: 0 } }: ParityOptions,
): Promise<number> {
  const session = await openSession(other, model, deviceOf(settings.device), {
    ...(settings.threads > 0 && { intraOpNumThreads: settings.threads }),
  });
  try {
    let largest = 0;
    for (const [index, { height, width }] of exampleSizes(network).entries()) {
      const image = noiseImages([index === 1 ? 2 : 1, network.inputChannels, height, width], "export", index);
      const results = await session.run({ image: new other.Tensor("float32", image.data, image.shape) });
      const actual = Object.values(results)[0]!.data as Float32Array;
      const expected = await translate(ort, network, weights, mode, image, settings);
      largest = Math.max(largest, largestDifference(actual, expected));
    }
    return largest;
  } finally {
    await session.release();
  }
}

async function translate(
  ort: OrtModule,
  network: Network,
  weights: TensorMap,
  mode: Mode,
  image: FloatTensor,
  settings: SessionSettings,
): Promise<Float32Array> {
  const [batch, , height, width] = image.shape as [number, number, number, number];
  const { compiled, dropoutMasks } = compileTranslation(network, { batch, height, width }, mode, {
    target: deviceOf(settings.device).target,
  });
  const session = await GraphSession.create(ort, compiled, settings);
  try {
    const feeds = new Map([["image", image]]);
    for (const [name, tensor] of floatMap(weights)) feeds.set(`${network.name}/${name}`, tensor);
    for (const { name, shape } of dropoutMasks) {
      feeds.set(name, { shape, data: new Float32Array(elements(shape)).fill(1) });
    }
    return (await session.run(feeds, new Map([["result", undefined]]))).get("result")!.data;
  } finally {
    await session.close();
  }
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Number.NaN;
  return a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i]!)), 0);
}
