import { PixcycleError } from "../errors.js";
import type { Tensor } from "../graph/graph.js";
import { schedule } from "../graph/schedule.js";
import type { Shape } from "../graph/shape.js";
import { verify } from "../graph/verify.js";
import { OnnxEmitter } from "./emitter.js";
import { type LoweringSettings, lowerNode } from "./lowerings.js";
import { type MemoryPlan, memoryPlan } from "./memory-plan.js";
import { encodeOnnxModel, type OnnxInitializer, type OnnxNode, type OnnxValue } from "./model.js";

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
  /**
   * Says nothing of shapes in the model. Where it knows them, ONNX Runtime keeps the memory of a value for later ones of the same
   * shape, until the last of these; where it does not, memory is free after a value's last use, for any other. And for every value of
   * which it knows only the number of axes, it looks through all that are no longer used: most of the time of loading a large graph.
   */
  readonly hideShapes?: boolean;
}

/** Named outputs in ONNX's operators. */
interface LoweredGraph extends Pick<CompiledGraph, "inputs" | "outputs" | "layouts"> {
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxInitializer[];
}

/**
 * Lowers everything that the named outputs depend on to one ONNX model (opset 20, float32).
 * @throws PixcycleError `E_GRAPH` as `verify`, and when an output is a condition.
 */
export function compileToOnnx(
  outputs: Readonly<Record<string, Tensor>>,
  options: CompileOptions = {},
): CompiledGraph {
  const { nodes, initializers, ...described } = lower(outputs, options);
  const values = (shapes: ReadonlyMap<string, Shape>, prefix = ""): OnnxValue[] =>
    [...shapes].map(([name, shape]) => ({ name: `${prefix}${name}`, ...(!options.hideShapes && { shape }) }));
  const bytes = encodeOnnxModel({
    ...{ name: options.name ?? "graph", initializers },
    nodes: options.hideShapes ? nodes.map(ofAnyRank) : nodes,
    inputs: [...values(described.inputs), ...(options.hideShapes ? replaceable(initializers) : [])],
    outputs: values(described.layouts, OUTPUT),
  });
  return { ...described, bytes, nodeCount: nodes.length };
}

/** What is in memory during a run of the model that `compileToOnnx` makes. */
export function planMemory(
  outputs: Readonly<Record<string, Tensor>>,
  options: CompileOptions = {},
): MemoryPlan {
  const { nodes, initializers, inputs } = lower(outputs, options);
  return memoryPlan(nodes, initializers, inputs);
}

/** Outputs have the names of the graph behind this, so that an output may be called like an input. */
const OUTPUT = "out:";

function lower(outputs: Readonly<Record<string, Tensor>>, options: CompileOptions): LoweredGraph {
  verify(Object.values(outputs));
  const emitter = new OnnxEmitter();
  const names = new Map<Tensor, string>();
  const inputs = new Map<string, Shape>();
  const { order, milestones } = schedule(Object.values(outputs));
  for (const node of order) {
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
    values.set(`${OUTPUT}${name}`, view?.x ?? value);
    results.set(name, tensor.shape);
    layouts.set(name, view?.from ?? tensor.shape);
  }
  const wanted = milestones
    .map((tensor) => names.get(tensor)!)
    .map((value) => emitter.viewed(value)?.x ?? value);
  // A graphics card would have to stop for the smallest node on the CPU.
  const model = emitter.model(values, options.target === "webgpu" || milestones.length === 1 ? [] : wanted);
  return { ...model, inputs, outputs: results, layouts };
}

/** Gemm, which has two axes always, as the product of any number of axes: the same computation. */
const ofAnyRank = (node: OnnxNode): OnnxNode =>
  node.opType === "Gemm" ? { ...node, opType: "com.microsoft.FusedMatMul" } : node;

/** Constants that are inputs too could be replaced in a run: the shapes that they stand for are not known before. */
const replaceable = (initializers: readonly OnnxInitializer[]): OnnxValue[] =>
  initializers.flatMap(({ name, data }) => (data instanceof BigInt64Array ? [{ name, type: "int64" }] : []));
