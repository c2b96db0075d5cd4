import { describe, expect, it } from "vitest";
import type { TensorMap } from "../../src/formats/tensor.js";
import { Graph } from "../../src/graph/graph.js";
import { interpret } from "../../src/graph/interpreter/interpret.js";
import { input } from "../../src/graph/language.js";
import { inferGenerator } from "../../src/networks/infer.js";
import { describeNetwork, type GeneratorOptions, generator, SKIP } from "../../src/networks/registry.js";
import { NetworkState } from "../../src/nn/forward.js";
import { initialValue } from "../../src/nn/initialise.js";
import { RandomStream } from "../../src/random/philox.js";

const plain: GeneratorOptions = {
  ...{ netG: "unet_64", ngf: 1, norm: "instance", no_dropout: true, upsample: "resize-conv" },
};
const SIZE = 64;

/** Starting weights by state-dict name. */
function startingWeights(options: GeneratorOptions, outputChannels: number): Map<string, Float32Array> {
  const specs = describeNetwork(generator("net_G", options, 3, outputChannels));
  const initialisation = { init_type: "normal", init_gain: 0.02 } as const;
  return new Map(specs.map((spec) => [spec.name, initialValue(spec, spec.name, initialisation, 1)]));
}

function run(options: GeneratorOptions, outputChannels: number, weights: Map<string, Float32Array>) {
  const graph = new Graph();
  const state = new NetworkState(graph, "net_G", "train");
  const network = generator("net_G", options, 3, outputChannels);
  const image = input(graph, "image", [1, 3, SIZE, SIZE]);
  const result = state.call("fake_B", () => network.forward(state, image));
  const feeds = new Map<string, Float32Array>([["image", picture]]);
  for (const [name, data] of weights) feeds.set(`net_G/${name}`, data);
  return interpret([result], feeds)[0]!;
}

const picture = new Float32Array(3 * SIZE * SIZE);
new RandomStream(0, "picture").fillUniform(picture);

describe("a residual generator", () => {
  const residual = { ...plain, learn_residual: true };

  it.each([3, 2])("starts as twice the network plus its input, %i channels out", (outputChannels) => {
    const weights = startingWeights(residual, outputChannels);
    const sum = run(residual, outputChannels, weights);
    const learned = run(plain, outputChannels, startingWeights(plain, outputChannels));
    expect(learned.some((value) => Math.abs(value) > 1e-3)).toBe(true);
    const differences = sum.map((value, i) => Math.abs(value - (2 * learned[i]! + picture[i]!)));
    expect(Math.max(...differences)).toBeLessThan(1e-6);
  });

  it("mixes the input's channels as it has learned", () => {
    const weights = startingWeights(residual, 3);
    const swapped = new Map(weights).set(SKIP, Float32Array.of(0, 1, 0, 1, 0, 0, 0, 0, 1));
    const plane = SIZE * SIZE;
    const change = run(residual, 3, swapped).map((value, i) => value - run0[i]!);
    expect(change[5]).toBeCloseTo(picture[plane + 5]! - picture[5]!, 6);
    expect(change[2 * plane + 5]).toBeCloseTo(0, 6);
  });

  const run0 = run(residual, 3, startingWeights(residual, 3));

  it.each(["unet_64", "resnet_6blocks"] as const)("%s is recognised by its weights", (netG) => {
    const weights: TensorMap = new Map(
      describeNetwork(generator("net_G", { ...residual, netG }, 3, 3)).map(({ name, shape }) => [
        name,
        { dtype: "F32", shape, data: new Float32Array(shape.reduce((product, n) => product * n, 1)) },
      ]),
    );
    expect(weights.has(SKIP)).toBe(true);
    const { architecture, network } = inferGenerator(weights, "net.safetensors");
    expect(architecture).toMatchObject({ netG, learn_residual: true });
    expect(describeNetwork(network).map(({ name }) => name)).toEqual([...weights.keys()]);
  });
});
