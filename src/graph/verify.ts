import { PixcycleError } from "../errors.js";
import { type Node, type Tensor, topologicalOrder } from "./graph.js";
import { OPS } from "./ops.js";
import { type Shape, sameShape, showShape } from "./shape.js";

/**
 * Checks everything that the outputs depend on: arity, order, types and shapes of every node, and that inputs have
 * different names. Every graph is checked before it is compiled.
 * @throws PixcycleError `E_GRAPH`, which names the operation and its scope.
 */
export function verify(outputs: Iterable<Tensor>): void {
  const wanted = [...outputs];
  const seen = new Set<Node>();
  const inputs = new Map<string, Node>();
  for (const node of topologicalOrder(wanted)) {
    verifyInputs(node, seen);
    verifyOutputs(node);
    if (node.op === "input") {
      const { name } = node.attributes;
      if (inputs.has(name)) fail(node, `is a second input of the name ${name}`);
      inputs.set(name, node);
    }
    seen.add(node);
  }
  for (const output of wanted) {
    if (!isOutputOf(output.node, output)) fail(output.node, "does not have the output that is asked for");
  }
}

function verifyInputs(node: Node, seen: ReadonlySet<Node>): void {
  const [fewest, most] = OPS[node.op].arity;
  if (node.inputs.length < fewest || node.inputs.length > most)
    fail(node, `has ${node.inputs.length} inputs, not ${fewest} to ${most}`);
  node.inputs.forEach((input, i) => {
    if (!seen.has(input.node)) fail(node, `comes before its input ${i}`);
    if (!isOutputOf(input.node, input)) fail(node, `has a dangling input ${i}, of ${describe(input.node)}`);
    if (input.graph !== node.outputs[0]?.graph) fail(node, `has an input ${i} from another graph`);
    const wanted = node.op === "select" && i === 0 ? "bool" : "float32";
    if (input.dtype !== wanted) fail(node, `takes ${wanted} as input ${i}, not ${input.dtype}`);
  });
}

function verifyOutputs(node: Node): void {
  const { dtype = "float32" } = OPS[node.op];
  const shapes = inferredShapes(node);
  if (node.outputs.length !== shapes.length)
    fail(node, `has ${node.outputs.length} outputs, not ${shapes.length}`);
  node.outputs.forEach((output, i) => {
    const shape = shapes[i]!;
    if (!shape.every((extent) => Number.isInteger(extent) && extent >= 0))
      fail(node, `has an output ${i} of no possible shape, ${showShape(shape)}`);
    if (!sameShape(output.shape, shape))
      fail(node, `says that output ${i} is ${showShape(output.shape)}, but it is ${showShape(shape)}`);
    if (output.dtype !== dtype) fail(node, `says that output ${i} is ${output.dtype}, but it is ${dtype}`);
    if (!isOutputOf(node, output)) fail(node, `does not own its output ${i}`);
  });
}

function inferredShapes(node: Node): Shape[] {
  const rule = OPS[node.op].shapes as (attributes: Node["attributes"], inputs: readonly Shape[]) => Shape[];
  try {
    return rule(
      node.attributes,
      node.inputs.map((input) => input.shape),
    );
  } catch (error) {
    return fail(node, `has inputs that do not fit: ${(error as Error).message}`, error);
  }
}

const isOutputOf = (node: Node, tensor: Tensor): boolean =>
  tensor.node === node && node.outputs[tensor.index] === tensor;

const describe = (node: Node): string => `${node.op} #${node.id}${node.scope && ` in ${node.scope}`}`;

function fail(node: Node, problem: string, cause?: unknown): never {
  throw new PixcycleError("E_GRAPH", `${describe(node)} ${problem}.`, { cause });
}
