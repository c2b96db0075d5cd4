import { describe, expect, it } from "vitest";
import { Graph, type Tensor, topologicalOrder } from "../../src/graph/graph.js";
import {
  add,
  constant,
  conv2d,
  evenPadding,
  input,
  matmul,
  mul,
  neg,
  padZero,
  reflectPad,
  reflectPadAdjoint,
  relu,
  slice,
} from "../../src/graph/language.js";

describe("Graph", () => {
  it("makes equal nodes once", () => {
    const graph = new Graph();
    const x = input(graph, "x", [2, 3]);
    expect(mul(x, 2)).toBe(mul(x, 2));
    expect(slice(x, [0, 1], [2, 2])).toBe(slice(x, [0, 1], [2, 2]));
    expect(mul(x, 2)).not.toBe(mul(x, 3));
    expect(slice(x, [0, 1], [2, 2])).not.toBe(slice(x, [0, 1], [2, 3]));
    expect(input(graph, "x", [2, 3])).toBe(x);
  });

  it("tells constants apart by content when short, by identity when long", () => {
    const graph = new Graph();
    const short = (value: number): Tensor => constant(graph, Float32Array.of(value, 1), [2]);
    expect(short(0.5)).toBe(short(0.5));
    expect(short(0)).not.toBe(short(-0));
    expect(short(0.5)).not.toBe(short(0.25));
    const data = new Float32Array(1000);
    expect(constant(graph, data, [1000])).toBe(constant(graph, data, [1000]));
    expect(constant(graph, data, [1000])).not.toBe(constant(graph, data.slice(), [1000]));
  });

  it("remembers the scope in which a node was made first", () => {
    const graph = new Graph();
    const x = input(graph, "x", [2]);
    const inner = graph.scope("netG", () => graph.scope("down1", () => relu(x)));
    expect(inner.node.scope).toBe("netG/down1");
    expect(graph.scope("netD", () => relu(x)).node.scope).toBe("netG/down1");
    expect(graph.scope("netG", () => graph.scopeAt("netD/conv", () => neg(x))).node.scope).toBe("netD/conv");
    expect(graph.currentScope).toBe("");
  });

  it("leaves a scope when building in it fails", () => {
    const graph = new Graph();
    const x = input(graph, "x", [2]);
    expect(() => graph.scope("netG", () => add(x, input(graph, "y", [3])))).toThrow();
    expect(relu(x).node.scope).toBe("");
  });

  it("names the scope and the shapes where shapes do not fit", () => {
    const graph = new Graph();
    const x = input(graph, "x", [1, 3, 8, 8]);
    const w = input(graph, "w", [8, 4, 3, 3]);
    expect(() => graph.scope("netG", () => graph.scope("down1", () => conv2d(x, w)))).toThrow(
      expect.objectContaining({
        code: "E_SHAPE",
        message: expect.stringMatching(/^netG\/down1: conv2d .*\[1, 3, 8, 8\], \[8, 4, 3, 3\]/),
      }),
    );
  });

  it.each<[string, (a: Tensor, b: Tensor) => Tensor]>([
    ["shapes that do not broadcast", (a, b) => add(a, b)],
    ["matrices that do not match", (a, b) => matmul(a, b)],
    ["a slice beyond the end", (a) => slice(a, [0, 0], [2, 4])],
    ["zero padding that would crop", (a) => padZero(a, [0, -1], [0, 0])],
    ["mirrored borders wider than the image", (a) => reflectPad(a, evenPadding(2))],
    ["the adjoint of such borders", (a) => reflectPadAdjoint(a, { ...evenPadding(0), left: 2 })],
    ["an empty slice", (a) => slice(a, [1, 0], [1, 3])],
  ])("refuses %s", (_, build) => {
    const graph = new Graph();
    const [a, b] = [input(graph, "a", [2, 3]), input(graph, "b", [2, 4])];
    expect(() => build(a, b)).toThrow(expect.objectContaining({ code: "E_SHAPE" }));
  });

  it("refuses a wrong number of inputs", () => {
    const graph = new Graph();
    expect(() => graph.node("add", {}, [input(graph, "x", [1])])).toThrow(
      expect.objectContaining({ code: "E_GRAPH", message: expect.stringContaining("add takes 2") }),
    );
  });
});

describe("topologicalOrder", () => {
  it("puts every node after its inputs, once, and leaves out what is not needed", () => {
    const graph = new Graph();
    const x = input(graph, "x", [2]);
    const y = mul(x, x);
    const z = add(y, x);
    neg(z);
    expect(topologicalOrder([z, y])).toEqual([x.node, y.node, z.node]);
  });

  it("orders graphs that are deeper than the call stack", () => {
    const graph = new Graph();
    let deep = input(graph, "x", [1]);
    for (let i = 0; i < 50_000; i++) deep = i % 2 === 0 ? neg(deep) : relu(deep);
    const order = topologicalOrder([deep]);
    expect(order).toHaveLength(50_001);
    expect(order.at(-1)).toBe(deep.node);
  });
});
