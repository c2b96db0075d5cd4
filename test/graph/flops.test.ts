import { expect, it } from "vitest";
import { gradients } from "../../src/autodiff/gradients.js";
import { floatingPointOperations } from "../../src/graph/flops.js";
import { Graph } from "../../src/graph/graph.js";
import {
  conv2d,
  convTranspose2d,
  depthwiseConv2d,
  evenPadding,
  input,
  matmul,
  mean,
  relu,
} from "../../src/graph/language.js";

it("counts a product as 2·m·n·k, however it is transposed", () => {
  const graph = new Graph();
  const a = input(graph, "a", [5, 3]);
  const b = input(graph, "b", [3, 7]);
  expect(floatingPointOperations([matmul(a, b)])).toBe(2 * 5 * 7 * 3);
  const transposed = matmul(input(graph, "c", [3, 5]), b, { transposeA: true });
  expect(floatingPointOperations([transposed])).toBe(2 * 5 * 7 * 3);
});

it("counts a convolution, its adjoint and both of its gradients alike", () => {
  const graph = new Graph();
  const x = input(graph, "x", [2, 3, 8, 8]);
  const w = input(graph, "w", [6, 3, 4, 4]);
  const y = conv2d(x, w, { stride: 2, padding: evenPadding(1) });
  const forward = 2 * (2 * 6 * 4 * 4) * (3 * 4 * 4);
  expect(floatingPointOperations([relu(y)])).toBe(forward);
  expect(floatingPointOperations([convTranspose2d(y, w, { stride: 2, padding: evenPadding(1) })])).toBe(
    2 * forward,
  );
  const [, dw] = gradients(mean(y), [x, w]);
  expect(floatingPointOperations([dw!])).toBe(forward);
  expect(floatingPointOperations(gradients(mean(y), [x, w]))).toBe(2 * forward);
});

it("counts a depthwise convolution and both of its gradients alike: a product per tap and element", () => {
  const graph = new Graph();
  const x = input(graph, "x", [2, 3, 8, 8]);
  const w = input(graph, "w", [3, 1, 3, 3]);
  const y = depthwiseConv2d(x, w, { padding: evenPadding(1) });
  const forward = 2 * (2 * 3 * 8 * 8) * 9;
  expect(floatingPointOperations([y])).toBe(forward);
  expect(floatingPointOperations(gradients(mean(y), [x, w]))).toBe(2 * forward);
});
