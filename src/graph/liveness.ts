import { type Tensor, topologicalOrder } from "./graph.js";

/** The most elements that are alive at once when nodes run in topological order; inputs do not count. */
export function peakLiveElements(outputs: readonly Tensor[]): number {
  const order = topologicalOrder(outputs);
  const lastUse = new Map<Tensor, number>();
  for (const [index, node] of order.entries()) for (const input of node.inputs) lastUse.set(input, index);
  for (const output of outputs) lastUse.set(output, order.length);
  const endingAt = new Map<number, Tensor[]>();
  for (const [tensor, index] of lastUse) {
    if (tensor.node.op === "input") continue;
    endingAt.set(index, [...(endingAt.get(index) ?? []), tensor]);
  }
  let alive = 0;
  let peak = 0;
  for (const [index, node] of order.entries()) {
    if (node.op !== "input") for (const output of node.outputs) if (lastUse.has(output)) alive += output.size;
    peak = Math.max(peak, alive);
    for (const tensor of endingAt.get(index) ?? []) alive -= tensor.size;
  }
  return peak;
}
