import { PixcycleError } from "../errors.js";
import { type DType, OPS, type OpAttributes, type OpName } from "./ops.js";
import { elements, type Shape } from "./shape.js";

/** One operation of a graph. Nodes are immutable and equal nodes are one node. */
export type Node = {
  [K in OpName]: {
    readonly id: number;
    readonly op: K;
    readonly attributes: OpAttributes[K];
    readonly inputs: readonly Tensor[];
    readonly outputs: readonly Tensor[];
    /** Where the model made it, such as `netG/down3/conv`. */
    readonly scope: string;
  };
}[OpName];

/** A value of the graph: one output of one node. */
export class Tensor {
  constructor(
    readonly graph: Graph,
    readonly node: Node,
    readonly index: number,
    readonly shape: Shape,
    readonly dtype: DType,
  ) {}

  get rank(): number {
    return this.shape.length;
  }

  get size(): number {
    return elements(this.shape);
  }
}

/**
 * Makes nodes and keeps them. Building is hash-consed: the same operation on the same inputs with the same
 * attributes is the same node, so that common subexpressions are shared by construction.
 */
export class Graph {
  private readonly known = new Map<string, Node>();
  private scopes: readonly string[] = [];
  private count = 0;

  /** Runs `build` with `name` appended to the scope of all nodes that it makes. */
  scope<T>(name: string, build: () => T): T {
    return this.withScopes([...this.scopes, name], build);
  }

  /** Runs `build` with `path` (`/`-separated) as the whole scope. */
  scopeAt<T>(path: string, build: () => T): T {
    return this.withScopes([path], build);
  }

  private withScopes<T>(scopes: readonly string[], build: () => T): T {
    const outer = this.scopes;
    this.scopes = scopes;
    try {
      return build();
    } finally {
      this.scopes = outer;
    }
  }

  /** The scope of the nodes being made now, `/`-separated. */
  get currentScope(): string {
    return this.scopes.join("/");
  }

  /**
   * Adds a node, or returns the equal one that is there already.
   * @throws PixcycleError `E_SHAPE` when the inputs do not fit the operation; the message names the scope.
   */
  node<K extends OpName>(op: K, attributes: OpAttributes[K], inputs: readonly Tensor[]): readonly Tensor[] {
    const key = nodeKey(op, attributes, inputs);
    const found = this.known.get(key);
    if (found) return found.outputs;
    const { arity, dtype, shapes } = OPS[op];
    if (inputs.length < arity[0] || inputs.length > arity[1]) {
      throw new PixcycleError(
        "E_GRAPH",
        `${op} takes ${arity.join(" to ")} inputs, got ${inputs.length} (in ${this.currentScope}).`,
      );
    }
    const outputs: Tensor[] = [];
    const node = { id: this.count++, op, attributes, inputs, outputs, scope: this.currentScope } as Node;
    for (const [index, shape] of this.inferShapes(() =>
      shapes(
        attributes,
        inputs.map((input) => input.shape),
      ),
    ).entries()) {
      outputs.push(new Tensor(this, node, index, shape, dtype ?? "float32"));
    }
    this.known.set(key, node);
    return outputs;
  }

  private inferShapes(rule: () => Shape[]): Shape[] {
    try {
      return rule();
    } catch (error) {
      if (!(error instanceof PixcycleError) || this.currentScope === "") throw error;
      throw new PixcycleError("E_SHAPE", `${this.currentScope}: ${error.message}`, { cause: error });
    }
  }
}

function nodeKey<K extends OpName>(op: K, attributes: OpAttributes[K], inputs: readonly Tensor[]): string {
  const from = inputs.map((input) => `${input.node.id}.${input.index}`).join(",");
  return `${op}(${from})${JSON.stringify(attributes, keyValue)}`;
}

/** Constants are told apart by their bits: short ones by content, long ones by identity. */
function keyValue(_: string, value: unknown): unknown {
  if (!(value instanceof Float32Array)) return value;
  return value.length <= 64
    ? `f32:${Array.from(new Uint32Array(value.slice().buffer)).join(",")}`
    : `array#${identityOf(value)}`;
}

const identities = new WeakMap<object, number>();
let nextIdentity = 0;
function identityOf(value: object): number {
  let id = identities.get(value);
  if (id === undefined) {
    id = nextIdentity++;
    identities.set(value, id);
  }
  return id;
}

/** The nodes that the outputs depend on, each after its inputs. */
export function topologicalOrder(outputs: Iterable<Tensor>): Node[] {
  const order: Node[] = [];
  const seen = new Set<Node>();
  // An own stack: graphs of whole training steps are deeper than the call stack.
  const stack: { node: Node; next: number }[] = [];
  const visit = (node: Node): void => {
    if (seen.has(node)) return;
    seen.add(node);
    stack.push({ node, next: 0 });
  };
  for (const output of outputs) {
    visit(output.node);
    while (stack.length > 0) {
      const top = stack[stack.length - 1]!;
      const input = top.node.inputs[top.next++];
      if (input) visit(input.node);
      else {
        order.push(top.node);
        stack.pop();
      }
    }
  }
  return order;
}
