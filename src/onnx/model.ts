import { ProtoWriter } from "../formats/protobuf.js";
import { version } from "../version.js";

/** The parts of the ONNX format that pixcycle writes; field numbers are those of onnx.proto. */

/** An integer, a text, integers, a float, or a float tensor of one element. */
export type OnnxAttribute =
  | number
  | string
  | readonly number[]
  | { readonly float: number }
  | { readonly tensor: number };

export interface OnnxNode {
  /** ONNX's own operators by name; ONNX Runtime's, which other runtimes may lack, as `com.microsoft.<name>`. */
  readonly opType: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

export interface OnnxInitializer {
  readonly name: string;
  readonly shape: readonly number[];
  /** Floats, bits of float16 numbers, or integers. */
  readonly data: Float32Array | Uint16Array | BigInt64Array;
}

/** A graph input or output: fixed extents, or names of dynamic ones; without a shape it may have any. */
export interface OnnxValue {
  readonly name: string;
  readonly shape?: readonly (number | string)[] | undefined;
  /** Default float. */
  readonly type?: keyof typeof ONNX_TYPES;
}

export interface OnnxModel {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxInitializer[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly metadata?: Readonly<Record<string, string>>;
  /** Default 20; models for other runtimes use 17, which nearly all of them read. */
  readonly opset?: keyof typeof IR_VERSIONS;
}

/** By operator set. */
const IR_VERSIONS = { 17: 8, 20: 9 } as const;

/** Element types of tensors, by their number in the format. */
export const ONNX_TYPES = { float: 1, int64: 7, float16: 10 } as const;

function writeAttribute(writer: ProtoWriter, name: string, value: OnnxAttribute): void {
  writer.string(1, name);
  if (typeof value === "string") writer.string(4, value).int(20, 3);
  else if (typeof value === "number") writer.int(3, value).int(20, 2);
  else if ("float" in value) writer.float(2, value.float).int(20, 1);
  else if ("tensor" in value) {
    writer.message(5, (tensor) =>
      tensor
        .int(1, 1)
        .int(2, ONNX_TYPES.float)
        .bytes(9, new Uint8Array(Float32Array.of(value.tensor).buffer)),
    );
    writer.int(20, 4);
  } else {
    for (const item of value) writer.int(8, item);
    writer.int(20, 7);
  }
}

function writeNode(writer: ProtoWriter, node: OnnxNode): void {
  for (const input of node.inputs) writer.string(1, input);
  for (const output of node.outputs) writer.string(2, output);
  const [domain, opType] = splitDomain(node.opType);
  writer.string(3, node.name).string(4, opType);
  for (const [name, value] of Object.entries(node.attributes)) {
    writer.message(5, (attribute) => writeAttribute(attribute, name, value));
  }
  if (domain !== "") writer.string(7, domain);
}

function splitDomain(opType: string): [domain: string, name: string] {
  const dot = opType.lastIndexOf(".");
  return [opType.slice(0, Math.max(dot, 0)), opType.slice(dot + 1)];
}

function writeInitializer(writer: ProtoWriter, { name, shape, data }: OnnxInitializer): void {
  for (const extent of shape) writer.int(1, extent);
  writer.int(2, typeOf(data)).string(8, name);
  writer.bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

function typeOf(data: OnnxInitializer["data"]): number {
  if (data instanceof Float32Array) return ONNX_TYPES.float;
  return data instanceof Uint16Array ? ONNX_TYPES.float16 : ONNX_TYPES.int64;
}

function writeValue(writer: ProtoWriter, { name, shape, type = "float" }: OnnxValue): void {
  writer.string(1, name).message(2, (value) =>
    value.message(1, (tensor) => {
      tensor.int(1, ONNX_TYPES[type]);
      if (!shape) return;
      tensor.message(2, (dims) => {
        for (const extent of shape) {
          dims.message(1, (dim) => (typeof extent === "number" ? dim.int(1, extent) : dim.string(2, extent)));
        }
      });
    }),
  );
}

/** The bytes of an ONNX model file. Its inputs and outputs are float32. */
export function encodeOnnxModel(model: OnnxModel): Uint8Array {
  const opset = model.opset ?? 20;
  const writer = new ProtoWriter().int(1, IR_VERSIONS[opset]).string(2, "pixcycle").string(3, version);
  writer.message(7, (graph) => {
    for (const node of model.nodes) graph.message(1, (inner) => writeNode(inner, node));
    graph.string(2, model.name);
    for (const initializer of model.initializers)
      graph.message(5, (inner) => writeInitializer(inner, initializer));
    for (const input of model.inputs) graph.message(11, (inner) => writeValue(inner, input));
    for (const output of model.outputs) graph.message(12, (inner) => writeValue(inner, output));
  });
  writer.message(8, (entry) => entry.string(1, "").int(2, opset));
  for (const domain of new Set(model.nodes.map(({ opType }) => splitDomain(opType)[0]))) {
    if (domain !== "") writer.message(8, (entry) => entry.string(1, domain).int(2, 1));
  }
  for (const [key, value] of Object.entries(model.metadata ?? {})) {
    writer.message(14, (entry) => entry.string(1, key).string(2, value));
  }
  return writer.finish();
}
