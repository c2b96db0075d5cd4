import { PixcycleError } from "../errors.js";
import type { ProtoMessage } from "../formats/protobuf-reader.js";
import { metadataOf, openOnnxModel } from "./metadata.js";

/** An input or output of an ONNX model. */
export interface OnnxPort {
  readonly name: string;
  /** Of its elements: `float32`, … */
  readonly type: string;
  /** Extents, or names of dynamic ones; undefined where the file does not say. */
  readonly shape: readonly (number | string)[] | undefined;
}

/** The tensors of one type that an ONNX model holds. */
export interface OnnxTensors {
  readonly type: string;
  readonly tensors: number;
  /** Elements of all of them. */
  readonly numbers: number;
}

/** What an ONNX model file tells of itself. */
export interface OnnxSummary {
  /** The program that wrote it, with its version; may be empty. */
  readonly producer: string;
  /** The graph's name. */
  readonly graph: string;
  /** Operator sets by domain, ONNX's own as `ai.onnx`. */
  readonly operatorSets: Readonly<Record<string, number>>;
  readonly operators: number;
  readonly inputs: readonly OnnxPort[];
  readonly outputs: readonly OnnxPort[];
  /** The weights and constants in the file, most numbers first. */
  readonly weights: readonly OnnxTensors[];
  /** Other files that hold some of them, by what the model calls them. */
  readonly externalFiles: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** Field numbers of onnx.proto. */
const MODEL = { producer: 2, producerVersion: 3, graph: 7, operatorSets: 8 } as const;
const GRAPH = { nodes: 1, name: 2, initializers: 5, inputs: 11, outputs: 12 } as const;
const TENSOR = { dims: 1, type: 2, name: 8, raw: 9, external: 13 } as const;

/** Element types by their number in the format, with their bytes. */
const TYPES: readonly (readonly [name: string, bytes: number] | undefined)[] = [
  undefined,
  ...([
    ...[
      ["float32", 4],
      ["uint8", 1],
      ["int8", 1],
      ["uint16", 2],
      ["int16", 2],
      ["int32", 4],
      ["int64", 8],
    ],
    ...[
      ["string", 0],
      ["bool", 1],
      ["float16", 2],
      ["float64", 8],
      ["uint32", 4],
      ["uint64", 8],
    ],
    ...[
      ["complex64", 8],
      ["complex128", 16],
      ["bfloat16", 2],
    ],
  ] as [string, number][]),
];

const typeName = (type: number): string => TYPES[type]?.[0] ?? `type ${type}`;

/**
 * Reads what an ONNX model is, without running it. Whole files are told from cut ones, and tensors of the wrong length from
 * right ones.
 * @param where what messages call the file
 * @throws PixcycleError E_FILE_FORMAT
 */
export function summariseOnnx(bytes: Uint8Array, where: string): OnnxSummary {
  const model = openOnnxModel(bytes, where);
  const graph = model.messages(MODEL.graph).at(-1)!;
  const tensors = graph.messages(GRAPH.initializers);
  for (const tensor of tensors) checkLength(tensor, where);
  const held = new Set(tensors.map((tensor) => tensor.text(TENSOR.name)));
  return {
    producer: `${model.text(MODEL.producer)} ${model.text(MODEL.producerVersion)}`.trim(),
    graph: graph.text(GRAPH.name),
    operatorSets: Object.fromEntries(
      model.messages(MODEL.operatorSets).map((set) => [set.text(1) || "ai.onnx", set.integer(2)]),
    ),
    operators: graph.contents(GRAPH.nodes).length,
    // Old files list their weights among the inputs.
    inputs: graph
      .messages(GRAPH.inputs)
      .map(port)
      .filter(({ name }) => !held.has(name)),
    outputs: graph.messages(GRAPH.outputs).map(port),
    weights: countByType(tensors),
    externalFiles: [...new Set(tensors.flatMap(externalFile))],
    metadata: metadataOf(model),
  };
}

function port(value: ProtoMessage): OnnxPort {
  const [tensor] = value.messages(2).flatMap((type) => type.messages(1));
  const [shape] = tensor?.messages(2) ?? [];
  const extents = shape?.messages(1).map((dim) => (dim.has(1) ? dim.integer(1) : dim.text(2) || "?"));
  return {
    name: value.text(1),
    type: tensor === undefined ? "no tensor" : typeName(tensor.integer(1)),
    shape: extents,
  };
}

function numbersOf(tensor: ProtoMessage): number {
  return tensor.integers(TENSOR.dims).reduce((product, extent) => product * extent, 1);
}

function countByType(tensors: readonly ProtoMessage[]): OnnxTensors[] {
  const counts = new Map<string, { type: string; tensors: number; numbers: number }>();
  for (const tensor of tensors) {
    const type = typeName(tensor.integer(TENSOR.type));
    const count = counts.get(type) ?? { type, tensors: 0, numbers: 0 };
    counts.set(type, { type, tensors: count.tensors + 1, numbers: count.numbers + numbersOf(tensor) });
  }
  return [...counts.values()].sort((a, b) => b.numbers - a.numbers);
}

/** The bytes of a tensor, where they stand in the file as they are, are as many as its shape says. */
function checkLength(tensor: ProtoMessage, where: string): void {
  const [raw] = tensor.contents(TENSOR.raw);
  const size = TYPES[tensor.integer(TENSOR.type)]?.[1];
  if (raw === undefined || size === undefined || raw.length === size * numbersOf(tensor)) return;
  const dims = tensor.integers(TENSOR.dims).join(", ");
  const problem = `${tensor.text(TENSOR.name)} of shape [${dims}] has ${raw.length} bytes, not ${size * numbersOf(tensor)}`;
  throw new PixcycleError("E_FILE_FORMAT", `${where} is damaged: ${problem}.`, {
    hint: "Copy or download it again, or export it anew.",
  });
}

/** Where a tensor's numbers are, if they are in another file. */
function externalFile(tensor: ProtoMessage): string[] {
  return tensor
    .messages(TENSOR.external)
    .flatMap((entry) => (entry.text(1) === "location" ? entry.text(2) : []));
}
