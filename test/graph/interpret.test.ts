import { describe, expect, it } from "vitest";
import { Graph } from "../../src/graph/graph.js";
import { interpret } from "../../src/graph/interpreter/interpret.js";
import { add, input, mul, normalize, sub, tanh } from "../../src/graph/language.js";

describe("interpret", () => {
  it("computes several values of one graph, in the order asked for", () => {
    const graph = new Graph();
    const x = input(graph, "x", [2]);
    const y = input(graph, "y", []);
    const sum = add(x, y);
    const results = interpret(
      [mul(sum, sum), sum, x],
      new Map([
        ["x", Float32Array.of(1, 2)],
        ["y", Float32Array.of(10)],
      ]),
    );
    expect(results).toEqual([Float64Array.of(121, 144), Float64Array.of(11, 12), Float64Array.of(1, 2)]);
  });

  it("gives each of an operation's outputs", () => {
    const { rstd, mean } = normalize(input(new Graph(), "x", [4]), [0], 0);
    const feeds = new Map([["x", Float64Array.of(1, 1, 5, 5)]]);
    expect(interpret([rstd, mean], feeds)).toEqual([Float64Array.of(0.5), Float64Array.of(3)]);
  });

  it("computes in float64", () => {
    const x = input(new Graph(), "x", [1]);
    const feeds = new Map([["x", Float64Array.of(1e-9)]]);
    expect(interpret([sub(add(x, 1), 1)], feeds)[0]![0]).toBeCloseTo(1e-9, 15);
  });

  it("needs no more than the inputs that the outputs depend on", () => {
    const graph = new Graph();
    input(graph, "unused", [7]);
    expect(interpret([tanh(input(graph, "x", [1]))], new Map([["x", Float64Array.of(0)]]))).toEqual([
      Float64Array.of(0),
    ]);
  });

  it("changes no feed", () => {
    const x = input(new Graph(), "x", [1, 2]);
    const data = Float64Array.of(3, 4);
    const [result] = interpret([x], new Map([["x", data]]));
    result!.fill(0);
    expect(data).toEqual(Float64Array.of(3, 4));
  });

  it("names an input that is missing or has another size", () => {
    const x = input(new Graph(), "real_A", [2, 2]);
    expect(() => interpret([x], new Map())).toThrow(
      expect.objectContaining({ code: "E_GRAPH", message: expect.stringContaining("real_A") }),
    );
    expect(() => interpret([x], new Map([["real_A", Float64Array.of(1, 2, 3)]]))).toThrow(
      expect.objectContaining({ code: "E_GRAPH", message: expect.stringMatching(/real_A has 4 .* 3 were/) }),
    );
  });
});
