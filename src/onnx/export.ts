import { PixcycleError } from "../errors.js";
import { toHalves } from "../formats/half.js";
import { type Node, type Tensor, topologicalOrder } from "../graph/graph.js";
import { interpret } from "../graph/interpreter/interpret.js";
import type { OpAttributes, OpName } from "../graph/ops.js";
import { OnnxEmitter } from "./emitter.js";
import { lowerNode } from "./lowerings.js";
import { encodeOnnxModel, ONNX_TYPES, type OnnxValue } from "./model.js";

/** The image that goes in or comes out, and its name and axes in the model: extents, or names of dynamic ones. */
export interface ExportedValue extends OnnxValue {
  readonly tensor: Tensor;
}

export interface ExportOptions {
  readonly name: string;
  readonly input: ExportedValue;
  readonly output: ExportedValue;
  /** The graph's other inputs by name, but for the dropout masks. */
  readonly constants: ReadonlyMap<string, Float32Array>;
  /** The dropout masks by name, with the probability of a zero. */
  readonly masks: ReadonlyMap<string, number>;
  /** Draw dropout masks at every run; otherwise there is no dropout. */
  readonly dropout: boolean;
  /** Weights and computation in float16; the input, the output and the norms stay float32. */
  readonly half: boolean;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Operations whose lowering knows no extents of batches and images. */
const ANY_SIZE: ReadonlySet<OpName> = new Set<OpName>([
  ...(["neg", "exp", "log", "sqrt", "reciprocal", "abs", "sign", "tanh", "sigmoid", "softplus"] as const),
  ...(["relu", "leakyRelu", "stopGradient", "add", "sub", "mul", "div"] as const),
  ...(["reflectPad", "concat", "upsampleNearest", "conv2d", "convTranspose2d", "depthwiseConv2d"] as const),
  ...(["greater", "select"] as const),
]);

/**
 * Writes a forward pass as an ONNX model for batches and images of any size, which other runtimes read (opset 17). The
 * graph is that of one size, with all dynamic extents above 1; what does not depend on the image is computed here.
 * @throws PixcycleError `E_GRAPH` for an operation that has a form for one size only
 */
export function exportToOnnx(options: ExportOptions): Uint8Array {
  const exporter = new Exporter(options);
  return encodeOnnxModel({
    name: options.name,
    ...exporter.lower(),
    inputs: [options.input],
    outputs: [options.output],
    metadata: options.metadata,
    opset: 17,
  });
}

class Exporter {
  private readonly emitter = new OnnxEmitter();
  /** Names of the values that depend on the image. */
  private readonly images = new Map<Tensor, string>();
  /** Names of the constants in use. */
  private readonly constants = new Map<Tensor, string>();

  constructor(private readonly options: ExportOptions) {}

  lower(): Pick<OnnxEmitter, "nodes" | "initializers"> {
    const { input, output, half } = this.options;
    this.images.set(input.tensor, half ? this.cast(input.name, "float16") : input.name);
    for (const node of topologicalOrder([output.tensor])) {
      if (!node.inputs.some((tensor) => this.images.has(tensor))) continue;
      this.emitter.at(node.scope);
      this.images.set(node.outputs[0]!, this.lowerNode(node));
    }
    const last = { name: "output", inputs: [this.images.get(output.tensor)!], outputs: [output.name] };
    this.emitter.nodes.push(
      half
        ? { ...last, opType: "Cast", attributes: { to: ONNX_TYPES.float } }
        : { ...last, opType: "Identity", attributes: {} },
    );
    return this.emitter;
  }

  /** Adds the nodes of one operation and returns the name of its first output. */
  private lowerNode(node: Node): string {
    const [x, y] = node.inputs;
    const mask = node.op === "mul" && y?.node.op === "input" ? y.node.attributes.name : "";
    const probability = this.options.masks.get(mask);
    if (probability !== undefined) return this.dropout(this.images.get(x!)!, probability);
    if (node.op === "normalize") return this.normalize(this.images.get(x!)!, node.attributes, x!.shape);
    if (node.op === "slice" && node.attributes.ends.every((end, axis) => end === x!.shape[axis]))
      return this.sliceToEnd(this.images.get(x!)!, node.attributes);
    const sized = node.op === "convTranspose2d" && node.attributes.stride === 1;
    if (!ANY_SIZE.has(node.op) || sized) {
      throw new PixcycleError("E_GRAPH", `${node.op} in ${node.scope} cannot be exported for any size.`);
    }
    const nameOf = (tensor: Tensor): string => this.images.get(tensor) ?? this.constant(tensor);
    return lowerNode(this.emitter, node, nameOf, { target: "any" })[0]!;
  }

  /** A slice up to the end of every axis, wherever that is. */
  private sliceToEnd(x: string, { starts, steps }: OpAttributes["slice"]): string {
    const e = this.emitter;
    const axes = starts.flatMap((start, axis) => (start === 0 && steps[axis] === 1 ? [] : [axis]));
    const pick = (values: readonly number[]): string => e.ints(axes.map((axis) => values[axis]!));
    const ends = e.ints(axes.map(() => 2 ** 31 - 1));
    return e.one("Slice", [x, pick(starts), ends, e.ints(axes), pick(steps)]);
  }

  /**
   * A norm in float32, as sums over an image leave the range of float16. Over height and width it is ONNX's
   * InstanceNormalization; otherwise the variance is taken in two passes, which stays accurate far from zero.
   */
  private normalize(
    image: string,
    { axes, eps }: OpAttributes["normalize"],
    shape: readonly number[],
  ): string {
    const e = this.emitter;
    const x = this.options.half ? this.cast(image, "float") : image;
    let y: string;
    if (shape.length === 4 && axes.join() === "2,3") {
      const channels = shape[1]!;
      const all = (value: number): string =>
        e.floats(new Float32Array(channels).fill(value), [channels], `all ${value}`);
      y = e.one("InstanceNormalization", [x, all(1), all(0)], { epsilon: { float: eps } });
    } else {
      const mean = (of: string): string => e.one("ReduceMean", [of], { axes, keepdims: 1 });
      const centred = e.one("Sub", [x, mean(x)]);
      const variance = mean(e.one("Mul", [centred, centred]));
      const deviation = e.one("Sqrt", [e.one("Add", [variance, e.floats(Float32Array.of(eps), [])])]);
      y = e.one("Div", [centred, deviation]);
    }
    return this.options.half ? this.cast(y, "float16") : y;
  }

  /** Random numbers of the model itself: runtimes leave ONNX's Dropout out. */
  private dropout(x: string, probability: number): string {
    if (!this.options.dropout) return x;
    const e = this.emitter;
    const uniform = e.one("RandomUniformLike", [x], { dtype: ONNX_TYPES.float });
    const kept = e.one("Less", [e.floats(Float32Array.of(probability), []), uniform]);
    const type = this.options.half ? "float16" : "float";
    const scale = this.floats(Float32Array.of(1 / (1 - probability)), [], `dropout.${probability}`);
    return e.one("Mul", [x, e.one("Mul", [this.cast(kept, type), scale])]);
  }

  private cast(x: string, type: "float" | "float16"): string {
    return this.emitter.one("Cast", [x], { to: ONNX_TYPES[type] });
  }

  /** An initializer with the value of a tensor that does not depend on the image. */
  private constant(tensor: Tensor): string {
    const known = this.constants.get(tensor);
    if (known !== undefined) return known;
    const { node, shape } = tensor;
    const name =
      node.op === "input"
        ? this.floats(this.options.constants.get(node.attributes.name)!, shape, node.attributes.name)
        : this.floats(this.computed(tensor), shape, `folded.${this.constants.size}`);
    this.constants.set(tensor, name);
    return name;
  }

  private computed(tensor: Tensor): Float32Array {
    return Float32Array.from(interpret([tensor], this.options.constants)[0]!);
  }

  private floats(values: Float32Array, shape: readonly number[], name: string): string {
    const { initializers } = this.emitter;
    const data = this.options.half ? toHalves(values) : values;
    if (!initializers.some((other) => other.name === name)) initializers.push({ name, shape, data });
    return name;
  }
}
