import { PixcycleError } from "../errors.js";
import { type Node, type Tensor, topologicalOrder } from "../graph/graph.js";
import { add, constant } from "../graph/language.js";
import type { OpName } from "../graph/ops.js";
import { GRADIENT_RULES, type GradientRule } from "./rules.js";

/**
 * Reverse-mode differentiation: d loss / d target for every target, as new nodes of the same graph,
 * in the targets' shapes. Targets that the loss does not depend on get zeros. Gradient nodes stand in the scope of the
 * node that they differentiate, followed by `gradient`.
 * @throws PixcycleError `E_GRAPH` when the loss is not a scalar (one element).
 */
export function gradients(loss: Tensor, targets: readonly Tensor[]): Tensor[] {
  if (loss.size !== 1)
    throw new PixcycleError("E_GRAPH", `A loss must have one element, got [${loss.shape}].`);
  const { graph } = loss;
  const wanted = nodesLeadingTo(loss, targets);
  const collected = new Map<Tensor, Tensor>([[loss, constant(graph, 1, loss.shape)]]);
  const accumulate = (tensor: Tensor, gradient: Tensor): void => {
    const sum = collected.get(tensor);
    collected.set(tensor, sum ? add(sum, gradient) : gradient);
  };
  for (const node of [...wanted].reverse()) {
    const reached = node.outputs.map((output) => collected.get(output));
    const rule = GRADIENT_RULES[node.op] as GradientRule<OpName> | "none";
    if (rule === "none" || reached.every((gradient) => gradient === undefined)) continue;
    const results = graph.scopeAt(gradientScope(node), () => rule(node, reached));
    node.inputs.forEach((input, i) => {
      const gradient = results[i];
      if (gradient && (wanted.has(input.node) || targets.includes(input))) {
        graph.scopeAt(gradientScope(input.node), () => accumulate(input, gradient));
      }
    });
  }
  return targets.map((target) => collected.get(target) ?? constant(graph, 0, target.shape));
}

/** Where the gradient of a node stands. */
export const gradientScope = ({ scope }: Node): string => (scope === "" ? "gradient" : `${scope}/gradient`);

/** The nodes on a path from a target to the loss, in topological order. */
function nodesLeadingTo(loss: Tensor, targets: readonly Tensor[]): Set<Node> {
  const targetNodes = new Set(targets.map((target) => target.node));
  const wanted = new Set<Node>();
  for (const node of topologicalOrder([loss])) {
    const blocks = GRADIENT_RULES[node.op] === "none";
    const leads =
      !blocks && node.inputs.some((input) => wanted.has(input.node) || targetNodes.has(input.node));
    if (leads || targetNodes.has(node)) wanted.add(node);
  }
  return wanted;
}
