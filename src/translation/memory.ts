import { PixcycleError } from "../errors.js";
import { Graph } from "../graph/graph.js";
import { input } from "../graph/language.js";
import { peakLiveElements } from "../graph/liveness.js";
import { elements } from "../graph/shape.js";
import type { Network } from "../networks/registry.js";
import { type Mode, NetworkState } from "../nn/forward.js";
import type { Size } from "./padding.js";

const BYTES = 4;
const GIB = 2 ** 30;
/** An estimate is rough: only what exceeds the available memory by this factor is refused. */
const TOLERANCE = 1.25;

/** ONNX Runtime's peak over that of the graph's own tensors: reordered copies and its arena. Measured. */
const RUNTIME_FACTOR = 4;
/** A session holds its weights, and a second time in the order that its kernels want. */
const COPIES_OF_WEIGHTS = 2;

/** About how many bytes the translation of images of this (padded) size takes, from the generator's graph. */
export function estimateTranslation(
  network: Network,
  batch: number,
  { width, height }: Size,
  mode: Mode,
): number {
  const graph = new Graph();
  const state = new NetworkState(graph, network.name, mode);
  const image = input(graph, "image", [batch, network.inputChannels, height, width]);
  const activations = peakLiveElements([state.call("estimate", () => network.forward(state, image))]);
  const weights = [...state.specs.values()].reduce((sum, { shape }) => sum + elements(shape), 0);
  return BYTES * (activations * RUNTIME_FACTOR + weights * COPIES_OF_WEIGHTS);
}

/** @throws PixcycleError E_MEMORY with what to make smaller, where an image of this size cannot fit */
export function checkTranslationMemory(
  bytes: number,
  { width, height }: Size,
  available = process.availableMemory(),
): void {
  if (bytes <= available * TOLERANCE) return;
  const gib = (amount: number) => `${(amount / GIB).toFixed(1)} GiB`;
  throw new PixcycleError(
    "E_MEMORY",
    `${width}×${height} pixels need about ${gib(bytes)} of memory, ${gib(available)} are available.`,
    {
      hint: "Make the image smaller, for instance with --preprocess scale_width --load_size 1024, or cut it into parts.",
    },
  );
}
