import { PixcycleError } from "../errors.js";
import { convExtent } from "../graph/ops.js";
import { broadcastShapes, elements, type Shape } from "../graph/shape.js";
import { ONNX_TYPES, type OnnxInitializer, type OnnxNode } from "./model.js";

/** What a rule sees of its node. */
interface ShapeContext {
  readonly inputs: readonly Shape[];
  /** The value of an input that is a constant, as numbers. */
  readonly numbers: (input: number) => readonly number[];
  readonly integer: (attribute: string, otherwise: number) => number;
  readonly integers: (attribute: string, otherwise: readonly number[]) => readonly number[];
}

type ShapeRule = (node: ShapeContext) => readonly Shape[];

const same: ShapeRule = ({ inputs: [x] }) => [x!];
const broadcasting: ShapeRule = ({ inputs }) => [inputs.reduce((a, b) => broadcastShapes(a, b))];

/** Sums and means keep the axes with extent 1. */
const reduction: ShapeRule = ({ inputs: [x], numbers }) => {
  const axes = numbers(1);
  return [x!.map((extent, axis) => (axes.includes(axis) ? 1 : extent))];
};

const product: ShapeRule = ({ inputs: [a, b], integer }) => {
  const rows = integer("transA", 0) === 1 ? a!.at(-1)! : a!.at(-2)!;
  const columns = integer("transB", 0) === 1 ? b!.at(-2)! : b!.at(-1)!;
  const leading = a!.length > b!.length ? a! : b!;
  return [[...leading.slice(0, -2), rows, columns]];
};

const conv: ShapeRule = ({ inputs: [x, w], integers }) => {
  const [strides, dilations] = [integers("strides", [1, 1]), integers("dilations", [1, 1])];
  const pads = integers("pads", [0, 0, 0, 0]);
  const extent = (axis: 0 | 1): number => {
    const kernel = (w![axis + 2]! - 1) * dilations[axis]! + 1;
    return convExtent(x![axis + 2]!, kernel, strides[axis]!, pads[axis]! + pads[axis + 2]!);
  };
  return [[x![0]!, w![0]!, extent(0), extent(1)]];
};

const convTranspose: ShapeRule = ({ inputs: [x, w], integer, integers }) => {
  const [strides, extra] = [integers("strides", [1, 1]), integers("output_padding", [0, 0])];
  const pads = integers("pads", [0, 0, 0, 0]);
  const extent = (axis: 0 | 1): number =>
    (x![axis + 2]! - 1) * strides[axis]! + w![axis + 2]! - pads[axis]! - pads[axis + 2]! + extra[axis]!;
  return [[x![0]!, w![1]! * integer("group", 1), extent(0), extent(1)]];
};

const slice: ShapeRule = ({ inputs: [x], numbers }) => {
  const [starts, ends, axes, steps] = [1, 2, 3, 4].map(numbers) as [number[], number[], number[], number[]];
  const shape = [...x!];
  axes.forEach((axis, i) => {
    const [extent, step] = [x![axis]!, steps[i]!];
    // A negative step runs from the last element to the first: no other use is made of it.
    const [start, end] = step > 0 ? [starts[i]!, Math.min(ends[i]!, extent)] : [0, extent];
    shape[axis] = Math.ceil((end - start) / Math.abs(step));
  });
  return [shape];
};

const RULES: Readonly<Record<string, ShapeRule>> = {
  ...Object.fromEntries(
    [
      ...["Neg", "Exp", "Log", "Sqrt", "Reciprocal", "Abs", "Sign", "Tanh", "Sigmoid", "Softplus", "Relu"],
      ...["LeakyRelu", "Identity", "Cast", "ScatterND", "Clip", "HardSigmoid"],
    ].map((opType) => [opType, same]),
  ),
  ...Object.fromEntries(
    ["Add", "Sub", "Mul", "Div", "Max", "Greater", "Less", "Where"].map((opType) => [opType, broadcasting]),
  ),
  ...Object.fromEntries(["ReduceSum", "ReduceMean", "ReduceSumSquare"].map((opType) => [opType, reduction])),
  ...Object.fromEntries(["Gemm", "MatMul", "com.microsoft.FusedMatMul"].map((opType) => [opType, product])),
  Conv: conv,
  ConvTranspose: convTranspose,
  Slice: slice,
  Size: () => [[]],
  Reshape: ({ numbers }) => [numbers(1)],
  ConstantOfShape: ({ numbers }) => [numbers(0)],
  Expand: ({ inputs: [x], numbers }) => [broadcastShapes(x!, numbers(1))],
  Transpose: ({ inputs: [x], integers }) => [integers("perm", []).map((axis) => x![axis]!)],
  Pad: ({ inputs: [x], numbers }) => {
    const pads = numbers(1);
    return [x!.map((extent, axis) => extent + pads[axis]! + pads[axis + x!.length]!)];
  },
  Resize: ({ inputs: [x], numbers }) => [x!.map((extent, axis) => Math.floor(extent * numbers(2)[axis]!))],
  Concat: ({ inputs, integer }) => {
    const axis = integer("axis", 0);
    const total = inputs.reduce((sum, shape) => sum + shape[axis]!, 0);
    return [inputs[0]!.map((extent, i) => (i === axis ? total : extent))];
  },
  Gather: ({ inputs: [x, indices], integer }) => {
    const axis = integer("axis", 0);
    return [[...x!.slice(0, axis), ...indices!, ...x!.slice(axis + 1)]];
  },
  Col2Im: ({ inputs: [columns], numbers }) => {
    const channels = columns![1]! / elements(numbers(2));
    return [[columns![0]!, channels, ...numbers(1)]];
  },
  LayerNormalization: ({ inputs: [x], integer }) => {
    const axis = integer("axis", -1);
    const statistics = x!.map((extent, i) => (i < axis ? extent : 1));
    return [x!, statistics, statistics];
  },
};

/** A value's extents, and the bytes that it takes. */
export interface ValueSize {
  readonly shape: Shape;
  readonly bytes: number;
}

/** Bytes of an element that an operator makes, where its inputs do not say it. */
const ELEMENT_BYTES: Readonly<Record<string, number>> = { Greater: 1, Less: 1, Size: 8, Where: 4 };

/** Bytes of an element of what a node makes: where it is no conversion, of its first input, but for tables of indices. */
function elementBytes(
  { opType, inputs, attributes }: OnnxNode,
  sizes: ReadonlyMap<string, ValueSize>,
): number {
  if (opType === "Cast") return attributes.to === ONNX_TYPES.float16 ? 2 : 4;
  return ELEMENT_BYTES[opType] ?? (isHalf(sizes.get(inputs[0]!)) ? 2 : 4);
}

const isHalf = (value: ValueSize | undefined): boolean =>
  value !== undefined && value.bytes === 2 * elements(value.shape);

/**
 * The size of every value of a graph, by name, in the operators that lowerings emit. Each node comes after its inputs.
 * @throws PixcycleError `E_GRAPH` for an operator without a rule
 */
export function inferSizes(
  nodes: readonly OnnxNode[],
  initializers: readonly OnnxInitializer[],
  inputs: ReadonlyMap<string, Shape>,
): Map<string, ValueSize> {
  const sizes = new Map<string, ValueSize>();
  for (const [name, shape] of inputs) sizes.set(name, { shape, bytes: elements(shape) * 4 });
  const constants = new Map(initializers.map((initializer) => [initializer.name, initializer]));
  for (const { name, shape, data } of initializers) sizes.set(name, { shape, bytes: data.byteLength });
  for (const node of nodes) {
    const rule = RULES[node.opType];
    if (!rule) throw new PixcycleError("E_GRAPH", `${node.opType} has no rule for shapes (${node.name}).`);
    const found = rule({
      inputs: node.inputs.map((name) => sizes.get(name)?.shape ?? []),
      numbers: (input) => Array.from(constants.get(node.inputs[input]!)!.data, Number),
      integer: (name, otherwise) => (node.attributes[name] as number | undefined) ?? otherwise,
      integers: (name, otherwise) => (node.attributes[name] as readonly number[] | undefined) ?? otherwise,
    });
    node.outputs.forEach((output, i) => {
      const shape = found[i]!;
      const bytes = elements(shape) * elementBytes(node, sizes);
      // Tables of indices are reshaped too.
      sizes.set(
        output,
        node.opType === "Reshape" ? { shape, bytes: sizes.get(node.inputs[0]!)!.bytes } : { shape, bytes },
      );
    });
  }
  return sizes;
}
