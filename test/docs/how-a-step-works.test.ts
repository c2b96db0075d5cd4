import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { gradients } from "../../src/autodiff/gradients.js";
import { Graph } from "../../src/graph/graph.js";
import { input, tanh } from "../../src/graph/language.js";
import { printGraph } from "../../src/graph/print.js";
import { NetworkState } from "../../src/nn/forward.js";
import { conv } from "../../src/nn/layers.js";
import { l1Loss } from "../../src/nn/losses.js";

const page = readFileSync(new URL("../../docs/how-a-step-works.md", import.meta.url), "utf8");

it("docs/how-a-step-works.md prints the graph that its code makes", () => {
  const graph = new Graph();
  const real_A = input(graph, "real_A", [1, 3, 8, 8]);
  const real_B = input(graph, "real_B", [1, 3, 8, 8]);
  const net_G = new NetworkState(graph, "net_G", "train");
  const fake_B = net_G.call("fake_B", () =>
    tanh(conv(net_G, "model.0", real_A, { out: 3, kernel: 3, padding: 1, bias: false })),
  );
  const G_L1 = l1Loss(fake_B, real_B);
  const weight = net_G.parameters().get("model.0.weight")!;
  const [gradient] = gradients(G_L1, [weight]);
  expect(page).toContain(`\`\`\`\n${printGraph({ G_L1, gradient: gradient! })}\`\`\``);
});
