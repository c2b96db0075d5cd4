import { PixcycleError } from "../errors.js";
import { type Tensor, topologicalOrder } from "../graph/graph.js";
import type { Shape } from "../graph/shape.js";
import { verify } from "../graph/verify.js";
import { OnnxEmitter } from "./emitter.js";
import { type LoweringSettings, lowerNode } from "./lowerings.js";
import { encodeOnnxModel, type OnnxValue } from "./model.js";

/** An ONNX model made from a graph, and what it takes and gives. */
export interface CompiledGraph {
  readonly bytes: Uint8Array;
  /** Only the inputs that the outputs depend on. */
  readonly inputs: ReadonlyMap<string, Shape>;
  readonly outputs: ReadonlyMap<string, Shape>;
  /** The extents that the model gives its outputs: the same numbers in the same order, but a view need not have been copied. */
  readonly layouts: ReadonlyMap<string, Shape>;
  readonly nodeCount: number;
}

export interface CompileOptions extends LoweringSettings {
  readonly name?: string;
  /** Inputs that are written into the model as constants, by name. */
  readonly constants?: ReadonlyMap<string, Float32Array>;
}

/**
 * Lowers everything that the named outputs depend on to one ONNX model (opset 20, float32).
 * @throws PixcycleError `E_GRAPH` as `verify`, and when an output is a condition.
 */
export function compileToOnnx(
  outputs: Readonly<Record<string, Tensor>>,
  options: CompileOptions = {},
): CompiledGraph {
  verify(Object.values(outputs));
  const emitter = new OnnxEmitter();
  const names = new Map<Tensor, string>();
  const inputs = new Map<string, Shape>();
  for (const node of topologicalOrder(Object.values(outputs))) {
    if (node.op === "input") {
      const { name, shape } = node.attributes;
      const fixed = options.constants?.get(name);
      if (!fixed) inputs.set(name, shape);
      names.set(node.outputs[0]!, fixed ? emitter.floats(fixed, shape, name) : name);
      continue;
    }
    const lowered = lowerNode(emitter, node, (tensor) => names.get(tensor)!, options);
    node.outputs.forEach((output, i) => {
      names.set(output, lowered[i]!);
    });
  }
  const results = new Map<string, Shape>();
  const layouts = new Map<string, Shape>();
  const values = new Map<string, string>();
  for (const [name, tensor] of Object.entries(outputs)) {
    if (tensor.dtype !== "float32")
      throw new PixcycleError("E_GRAPH", `Output ${name} is a condition, not a number.`);
    const value = names.get(tensor)!;
    // Buffers of a device go back into the next run in the tensors' own shapes.
    const view = options.target === "webgpu" ? undefined : emitter.viewed(value);
    values.set(`out:${name}`, view?.x ?? value);
    results.set(name, tensor.shape);
    layouts.set(name, view?.from ?? tensor.shape);
  }
  const model = emitter.model(values);
  const described = (shapes: ReadonlyMap<string, Shape>, prefix: string): OnnxValue[] =>
    [...shapes].map(([name, shape]) => ({ name: `${prefix}${name}`, shape }));
  const bytes = encodeOnnxModel({
    ...model,
    name: options.name ?? "graph",
    inputs: described(inputs, ""),
    outputs: described(layouts, "out:"),
  });
  return { bytes, inputs, outputs: results, layouts, nodeCount: model.nodes.length };
}
