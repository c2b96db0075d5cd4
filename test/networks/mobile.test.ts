import { expect, it } from "vitest";
import { Graph, topologicalOrder } from "../../src/graph/graph.js";
import { constant } from "../../src/graph/language.js";
import { type GeneratorOptions, generator } from "../../src/networks/registry.js";
import { NetworkState } from "../../src/nn/forward.js";

/** The axes of every norm of a mobile ResNet in training, in order. */
function norms(norm: GeneratorOptions["norm"]): string[] {
  const options = {
    netG: "mobile_resnet_6blocks",
    ngf: 1,
    norm,
    no_dropout: true,
    upsample: "deconv",
  } as const;
  const graph = new Graph();
  const state = new NetworkState(graph, "net_G", "train");
  const image = constant(graph, 0, [2, 3, 16, 16]);
  const output = state.call("test", () => generator("net_G", options, 3, 3).forward(state, image));
  return topologicalOrder([output]).flatMap(({ op, attributes }) =>
    op === "normalize" ? [attributes.axes.join()] : [],
  );
}

// GAN Compression's separable convolutions have an instance norm inside, whatever the others are: 12 of them.
it.each([
  ["instance", { "2,3": 12 + 17 }],
  ["batch", { "2,3": 12, "0,2,3": 17 }],
  ["none", {}],
] as const)("a mobile ResNet with norm %s", (norm, expected) => {
  const counts: Record<string, number> = {};
  for (const axes of norms(norm)) counts[axes] = (counts[axes] ?? 0) + 1;
  expect(counts).toEqual(expected);
});
