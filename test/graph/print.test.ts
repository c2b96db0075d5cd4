import { describe, expect, it } from "vitest";
import { Graph } from "../../src/graph/graph.js";
import {
  add,
  constant,
  conv2d,
  evenPadding,
  greater,
  input,
  leakyRelu,
  mean,
  mul,
  normalize,
  reduceSum,
  reshape,
  select,
  slice,
} from "../../src/graph/language.js";
import { printGraph } from "../../src/graph/print.js";

const lines = (text: string): string[] => text.trimEnd().split("\n");

describe("printGraph", () => {
  it("prints a line per node, with attributes, shapes and scopes, and the named outputs", () => {
    const graph = new Graph();
    const x = input(graph, "real_A", [1, 3, 256, 256]);
    const [fake, y] = graph.scope("netG", () => {
      const w = input(graph, "netG.down1.weight", [64, 3, 4, 4]);
      const conv = graph.scope("down1", () => conv2d(x, w, { stride: 2, padding: evenPadding(1) }));
      return [leakyRelu(conv, 0.2), normalize(conv, [2, 3], 1e-5).y];
    });
    expect(printGraph({ fake_B: fake, loss: mean(y) })).toBe(
      `${[
        "%0 = input() {name: real_A} : [1, 3, 256, 256]",
        "%1 = input() {name: netG.down1.weight} : [64, 3, 4, 4]  # netG",
        "%2 = conv2d(%0, %1) {stride: 2, padding: 1} : [1, 64, 128, 128]  # netG/down1",
        "%3 = leakyRelu(%2) {slope: 0.2} : [1, 64, 128, 128]  # netG",
        "%4, %5, %6 = normalize(%2) {axes: [2, 3], eps: 0.00001} : [1, 64, 128, 128], [1, 64, 1, 1], [1, 64, 1, 1]  # netG",
        "%7 = reduceMean(%4) {axes: [0, 1, 2, 3]} : [1, 1, 1, 1]",
        "%8 = reshape(%7) : []",
        "return fake_B: %3, loss: %8",
      ].join("\n")}\n`,
    );
  });

  it("marks conditions", () => {
    const x = input(new Graph(), "x", [2]);
    expect(lines(printGraph({ y: select(greater(x, 0), x, 7) }))).toEqual([
      "%0 = input() {name: x} : [2]",
      "%1 = constant() {data: [0]} : []",
      "%2 = greater(%0, %1) : bool[2]",
      "%3 = constant() {data: [7]} : []",
      "%4 = select(%2, %0, %3) : [2]",
      "return y: %4",
    ]);
  });

  it("prints constants as short as they are float32, and long ones in part", () => {
    const graph = new Graph();
    const short = constant(graph, Float32Array.of(0.1, -1 / 3, 1e-8, 16777216), [4]);
    const long = constant(
      graph,
      Float32Array.from({ length: 100 }, (_, i) => i),
      [100],
    );
    const [first, second] = lines(printGraph({ short, long }));
    expect(first).toBe("%0 = constant() {data: [0.1, -0.33333334, 1e-8, 16777216]} : [4]");
    expect(second).toBe("%1 = constant() {data: [0, 1, 2, 3, 4, 5, 6, 7, …]} : [100]");
  });

  it("prints paddings that differ side by side", () => {
    const graph = new Graph();
    const x = input(graph, "x", [1, 1, 4, 4]);
    const w = input(graph, "w", [1, 1, 2, 2]);
    const y = conv2d(x, w, { padding: { top: 0, left: 1, bottom: 2, right: 3 } });
    expect(lines(printGraph({ y }))[2]).toBe(
      "%2 = conv2d(%0, %1) {stride: 1, padding: {top: 0, left: 1, bottom: 2, right: 3}} : [1, 1, 5, 7]",
    );
  });

  it("numbers values as they are printed, whatever else is in the graph", () => {
    const build = (graph: Graph): string => {
      const x = input(graph, "x", [4, 4]);
      const part = reshape(slice(x, [0, 1], [4, 3]), [8]);
      return printGraph({ y: add(reduceSum(part), mul(part, part)) });
    };
    const busy = new Graph();
    mul(input(busy, "other", [3]), 2);
    expect(build(busy)).toBe(build(new Graph()));
  });
});
