import { type Node, type Tensor, topologicalOrder } from "./graph.js";

/** An order in which to compute a graph. */
export interface Schedule {
  /** Every node that the outputs depend on, each after its inputs. */
  readonly order: readonly Node[];
  /** Values that are to be there one after the other; each brings along what it needs and is not there yet. */
  readonly milestones: readonly Tensor[];
}

/**
 * Orders the computation of many outputs so that little is in memory at once. An output that is a sum, as a gradient of weights
 * that several passes share, is taken term by term: what is missing least comes next. So the terms of one pass follow each other,
 * and its activations are gone before the next one starts. Outputs that other nodes use, or of one element, such as images and losses,
 * come when all that they share with the others is there.
 */
export function schedule(outputs: readonly Tensor[]): Schedule {
  const all = topologicalOrder(outputs);
  const users = new Map<Node, number>();
  for (const node of all)
    for (const { node: from } of node.inputs) users.set(from, (users.get(from) ?? 0) + 1);
  const [main, others] = partition(outputs, (x) => x.size > 1 && !users.has(x.node));
  const terms = main.flatMap((output) => termsOf(output, users));
  const left = new Remainders(all, terms);
  const milestones: Tensor[] = [];
  const waiting = new Set(others);
  for (let next = left.smallest(); next !== undefined; next = left.smallest()) {
    milestones.push(terms[next]!);
    left.take(next);
    for (const output of waiting) {
      if (!left.isReady(output)) continue;
      milestones.push(output);
      waiting.delete(output);
    }
  }
  milestones.push(...waiting);
  return { order: topologicalOrder(milestones), milestones };
}

function partition<T>(items: readonly T[], test: (item: T) => boolean): [T[], T[]] {
  return [items.filter(test), items.filter((item) => !test(item))];
}

/** The operands of a sum, and the partial sums, innermost first. */
function termsOf(x: Tensor, users: ReadonlyMap<Node, number>): Tensor[] {
  const { op, inputs } = x.node;
  if (op !== "add" && op !== "reshape") return [x];
  return [...inputs.flatMap((input) => (users.get(input.node) === 1 ? termsOf(input, users) : [])), x];
}

/** For each of some tensors, how much of what it depends on is not computed yet. */
class Remainders {
  /** For each node, the tensors that depend on it, as bits. */
  private readonly dependants = new Map<Node, Uint32Array>();
  private readonly elements: Float64Array;
  private readonly taken: Uint8Array;
  private readonly done = new Set<Node>();

  constructor(
    order: readonly Node[],
    private readonly tensors: readonly Tensor[],
  ) {
    this.elements = new Float64Array(tensors.length);
    this.taken = new Uint8Array(tensors.length);
    const words = Math.ceil(tensors.length / 32);
    for (const node of order) this.dependants.set(node, new Uint32Array(words));
    tensors.forEach(({ node }, i) => {
      this.dependants.get(node)![i >> 5]! |= 1 << (i & 31);
    });
    for (const node of [...order].reverse()) {
      const own = this.dependants.get(node)!;
      for (const { node: from } of node.inputs) {
        const others = this.dependants.get(from)!;
        own.forEach((bits, word) => {
          others[word]! |= bits;
        });
      }
      this.spread(node, 1);
    }
  }

  /** Which tensor lacks least, the first of several; undefined when all are taken. */
  smallest(): number | undefined {
    let best: number | undefined;
    for (let i = 0; i < this.elements.length; i++) {
      if (this.taken[i] === 0 && (best === undefined || this.elements[i]! < this.elements[best]!)) best = i;
    }
    return best;
  }

  take(index: number): void {
    this.taken[index] = 1;
    const stack = [this.tensors[index]!.node];
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      if (this.done.has(node)) continue;
      this.done.add(node);
      this.spread(node, -1);
      for (const { node: from } of node.inputs) if (!this.done.has(from)) stack.push(from);
    }
  }

  /** Whether a tensor depends on nothing that any of the tensors still needs. */
  isReady(x: Tensor): boolean {
    const seen = new Set<Node>();
    const stack = [x.node];
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      if (seen.has(node) || this.done.has(node)) continue;
      if (this.dependants.get(node)!.some((bits) => bits !== 0)) return false;
      seen.add(node);
      for (const { node: from } of node.inputs) stack.push(from);
    }
    return true;
  }

  private spread(node: Node, sign: 1 | -1): void {
    if (node.op === "input" || node.op === "constant" || node.op === "reshape") return;
    const size = sign * node.outputs.reduce((sum, output) => sum + output.size, 0);
    this.dependants.get(node)!.forEach((bits, word) => {
      for (let rest = bits; rest !== 0; rest &= rest - 1) {
        this.elements[32 * word + 31 - Math.clz32(rest & -rest)]! += size;
      }
    });
  }
}
