import { type Graph, type Node, type Tensor, topologicalOrder } from "../graph/graph.js";
import { barrier } from "../graph/language.js";
import type { OpName } from "../graph/ops.js";
import { sameShape } from "../graph/shape.js";
import { gradientScope } from "./gradients.js";

/** What costs little to compute again. Convolutions, products and what else is not named here is kept. */
const CHEAP: ReadonlySet<OpName> = new Set<OpName>([
  ...(["normalize", "relu", "leakyRelu", "tanh", "sigmoid", "mul", "add", "greater", "select"] as const),
  ...(["reflectPad", "padZero", "slice", "concat", "upsampleNearest"] as const),
  ...(["broadcast", "reshape", "transpose"] as const),
]);

/** A sum of two activations is kept: those of ResNet blocks build on each other, all the way back. */
const isCheap = ({ op, inputs, outputs: [y] }: Node): boolean =>
  CHEAP.has(op) && !(op === "add" && inputs.every((x) => sameShape(x.shape, y!.shape)));

/**
 * Activation checkpointing (Chen et al., "Training deep nets with sublinear memory cost", 2016): the same outputs, but gradients compute
 * again what is cheap of the forward pass, instead of keeping it until then. Kept are the results of convolutions and of
 * residual sums; norms, activations and paddings come again, from the same operations on the same numbers, so that nothing changes.
 */
export function recomputeActivations(outputs: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  const rewritten = new Map<Tensor, Tensor>();
  const recomputed = new Map<Tensor, Tensor>();
  const now = (x: Tensor): Tensor => rewritten.get(x)!;
  const again = (x: Tensor): Tensor => {
    const known = recomputed.get(x);
    if (known) return known;
    const { node } = x;
    if (isCheap(node)) rebuild(node, node.inputs.map(again), gradientScope(node), recomputed);
    else recomputed.set(x, isGiven(node) || isBackward(node) ? now(x) : barrier(now(x)));
    return recomputed.get(x)!;
  };
  for (const node of topologicalOrder(Object.values(outputs))) {
    const backward = isBackward(node);
    const inputs = node.inputs.map((x) => (backward && !isBackward(x.node) ? again(x) : now(x)));
    rebuild(node, inputs, node.scope, rewritten);
  }
  return Object.fromEntries(Object.entries(outputs).map(([name, x]) => [name, now(x)]));
}

const isGiven = ({ op }: Node): boolean => op === "input" || op === "constant";

const isBackward = ({ scope }: Node): boolean => scope.split("/").includes("gradient");

function rebuild(node: Node, inputs: readonly Tensor[], scope: string, into: Map<Tensor, Tensor>): void {
  const graph: Graph = node.outputs[0]!.graph;
  const outputs = graph.scopeAt(scope, () => graph.node(node.op, node.attributes, inputs));
  node.outputs.forEach((x, i) => {
    into.set(x, outputs[i]!);
  });
}
