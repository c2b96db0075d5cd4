import type { OnnxNode } from "./model.js";

/**
 * The order in which ONNX Runtime runs nodes, whatever their order in the model: it goes through the nodes whose outputs no other
 * node takes, from the last to the first, and before each runs what it depends on, those inputs first whose nodes are last in the
 * model. Without rewrites it keeps to that; a test compares it with a profile.
 * @returns positions in `nodes`
 */
export function executionOrder(nodes: readonly OnnxNode[]): number[] {
  const producer = new Map<string, number>();
  nodes.forEach(({ outputs }, i) => {
    for (const output of outputs) producer.set(output, i);
  });
  const needed = nodes.map(({ inputs }) => {
    const found = new Set<number>();
    for (const name of inputs) {
      const i = producer.get(name);
      if (i !== undefined) found.add(i);
    }
    return [...found].sort((a, b) => a - b);
  });
  const used = new Set(needed.flat());
  // From the end of the stack: the last leaf comes first.
  const stack = nodes.flatMap((_, i) => (used.has(i) ? [] : [i]));
  const entered = new Set<number>();
  const order: number[] = [];
  const done = new Set<number>();
  while (stack.length > 0) {
    const i = stack[stack.length - 1]!;
    if (entered.has(i)) {
      stack.pop();
      if (!done.has(i)) order.push(i);
      done.add(i);
      continue;
    }
    entered.add(i);
    for (const j of needed[i]!) if (!entered.has(j)) stack.push(j);
  }
  return order;
}
