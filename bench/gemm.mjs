// node bench/gemm.mjs [--threads 2]
// What the machine gives at most: ONNX Runtime's product of two 2048 × 2048 matrices in float32, the fastest of ten.
// Prints {"gigaflopsPerSecond"}. Needs `npm run build`.
import { parseArgs } from "node:util";
import * as ort from "onnxruntime-node";
import { Graph } from "../dist/graph/graph.js";
import { input, matmul, reduceSum } from "../dist/graph/language.js";
import { compileToOnnx } from "../dist/onnx/compile.js";
import { GraphSession } from "../dist/runtime/ort.js";

const { values } = parseArgs({ options: { threads: { type: "string", default: "2" } } });
const N = 2048;
const graph = new Graph();
const product = matmul(input(graph, "a", [N, N]), input(graph, "b", [N, N]));
const compiled = compileToOnnx({ sum: reduceSum(product) });
const session = await GraphSession.create(ort, compiled, { threads: Number(values.threads) });
const matrix = () => ({
  shape: [N, N],
  data: Float32Array.from({ length: N * N }, () => Math.random() - 0.5),
});
const feeds = new Map([
  ["a", matrix()],
  ["b", matrix()],
]);
let fastest = Number.POSITIVE_INFINITY;
for (let i = 0; i < 10; i++) {
  const start = performance.now();
  await session.run(feeds, new Map([["sum", undefined]]));
  fastest = Math.min(fastest, (performance.now() - start) / 1000);
}
await session.close();
console.log(JSON.stringify({ gigaflopsPerSecond: (2 * N ** 3) / fastest / 1e9 }));
