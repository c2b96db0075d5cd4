import { describe, expect, it } from "vitest";
import { Graph, type Tensor, topologicalOrder } from "../../src/graph/graph.js";
import {
  conv2d,
  convTranspose2d,
  convWeightGradient,
  depthwiseConv2d,
  depthwiseConvTranspose2d,
  depthwiseConvWeightGradient,
  evenPadding,
  input,
  matmul,
  normalize,
  reduceSum,
  softplus,
} from "../../src/graph/language.js";
import { OnnxEmitter } from "../../src/onnx/emitter.js";
import { lowerNode, type Target } from "../../src/onnx/lowerings.js";
import { inferSizes } from "../../src/onnx/shapes.js";
import { errors } from "./errors.js";

const padding = evenPadding(1);
const outputSize = [9, 8] as const;
const kernel = [3, 3] as const;

/** One of each operation that is computed in float16. */
function halves(graph: Graph): Record<string, Tensor> {
  const x = input(graph, "x", [2, 5, 9, 8]);
  const w = input(graph, "w", [4, 5, 3, 3]);
  const own = input(graph, "own", [5, 1, 3, 3]);
  const y = conv2d(x, w, { stride: 2, padding, bias: input(graph, "bias", [4]) });
  const dy = input(graph, "dy", y.shape);
  const each = depthwiseConv2d(x, own, { padding });
  const attributes = { stride: 1, padding };
  return {
    ...{ y, each, dx: convTranspose2d(dy, w, { stride: 2, padding, outputSize }) },
    dw: convWeightGradient(x, dy, { stride: 2, padding, kernel }),
    back: depthwiseConvTranspose2d(x, own, { ...attributes, outputSize }),
    own: depthwiseConvWeightGradient(x, input(graph, "d", each.shape), { ...attributes, kernel }),
    product: matmul(input(graph, "a", [6, 7]), input(graph, "b", [7, 3])),
  };
}

/** The ONNX nodes of tensors, and the bytes of an element of each value. */
function lowered(outputs: Record<string, Tensor>, target: Target, fp16: boolean) {
  const e = new OnnxEmitter();
  const names = new Map<Tensor, string>();
  const inputs = new Map<string, readonly number[]>();
  for (const node of topologicalOrder(Object.values(outputs))) {
    const made =
      node.op === "input"
        ? [node.attributes.name]
        : lowerNode(e, node, (x) => names.get(x)!, { target, fp16 });
    if (node.op === "input") inputs.set(node.attributes.name, node.attributes.shape);
    node.outputs.forEach((output, i) => void names.set(output, made[i]!));
  }
  const sizes = inferSizes(e.nodes, e.initializers, inputs);
  const elementBytes = (name: string): number => {
    const { shape, bytes } = sizes.get(name)!;
    return bytes / shape.reduce((product, extent) => product * extent, 1);
  };
  return { nodes: e.nodes, elementBytes, results: Object.values(outputs).map((x) => names.get(x)!) };
}

describe("convolutions and products in float16", () => {
  it("round as float16 does, on ONNX Runtime", async () => {
    const found = await errors(halves(new Graph()), { fp16: true });
    // Half a unit in the last of 11 digits, twice for each factor and once for the result.
    for (const [name, error] of Object.entries(found)) expect(error, name).toBeLessThan(3 * 2 ** -11);
    expect(Math.max(...Object.values(found))).toBeGreaterThan(1e-5);
  });

  it.each(["cpu", "webgpu"] as const)(
    "take and give float16 on %s, and their results are float32",
    (target) => {
      const { nodes, elementBytes, results } = lowered(halves(new Graph()), target, true);
      const products = nodes.filter(({ opType }) =>
        ["Conv", "ConvTranspose", "Gemm", "MatMul"].includes(opType),
      );
      expect(products.length).toBeGreaterThanOrEqual(7);
      for (const { name, inputs, outputs } of products)
        expect([...inputs, ...outputs].map(elementBytes), name).toEqual(
          Array(inputs.length + outputs.length).fill(2),
        );
      expect(results.map(elementBytes)).toEqual(Array(results.length).fill(4));
    },
  );

  it("leave norms, sums and losses as they are", () => {
    const make = (): Record<string, Tensor> => {
      const x = input(new Graph(), "x", [2, 3, 4, 4]);
      const { y, mean, rstd } = normalize(x, [2, 3], 1e-5);
      return { y, mean, rstd, sum: reduceSum(softplus(x)) };
    };
    expect(lowered(make(), "webgpu", true).nodes).toEqual(lowered(make(), "webgpu", false).nodes);
  });

  it("convert what several of them take once", () => {
    const graph = new Graph();
    const x = input(graph, "x", [1, 2, 4, 4]);
    const [a, b] = ["a", "b"].map((name) => conv2d(x, input(graph, name, [3, 2, 1, 1]))) as [Tensor, Tensor];
    const { nodes } = lowered({ a, b }, "webgpu", true);
    expect(nodes.filter(({ inputs }) => inputs[0] === "x")).toHaveLength(1);
  });
});
