import { ProtoWriter } from "../formats/protobuf.js";

/** The parts of the ONNX format that pixcycle writes; field numbers are those of onnx.proto. */

/** An integer, a text, integers, a float, or a float tensor of one element. */
export type OnnxAttribute =
  | number
  | string
  | readonly number[]
  | { readonly float: number }
  | { readonly tensor: number };

export interface OnnxNode {
  readonly opType: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

export interface OnnxInitializer {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array | BigInt64Array;
}

/** A graph input or output: fixed extents, or names of dynamic ones. */
export interface OnnxValue {
  readonly name: string;
  readonly shape: readonly (number | string)[];
}

export interface OnnxModel {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxInitializer[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly metadata?: Readonly<Record<string, string>>;
}

const IR_VERSION = 9;
const OPSET = 20;
const FLOAT = 1;
const INT64 = 7;

function writeAttribute(writer: ProtoWriter, name: string, value: OnnxAttribute): void {
  writer.string(1, name);
  if (typeof value === "string") writer.string(4, value).int(20, 3);
  else if (typeof value === "number") writer.int(3, value).int(20, 2);
  else if ("float" in value) writer.float(2, value.float).int(20, 1);
  else if ("tensor" in value) {
    writer.message(5, (tensor) =>
      tensor
        .int(1, 1)
        .int(2, FLOAT)
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
  writer.string(3, node.name).string(4, node.opType);
  for (const [name, value] of Object.entries(node.attributes)) {
    writer.message(5, (attribute) => writeAttribute(attribute, name, value));
  }
}

function writeInitializer(writer: ProtoWriter, { name, shape, data }: OnnxInitializer): void {
  for (const extent of shape) writer.int(1, extent);
  writer.int(2, data instanceof Float32Array ? FLOAT : INT64).string(8, name);
  writer.bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

function writeValue(writer: ProtoWriter, { name, shape }: OnnxValue): void {
  writer.string(1, name).message(2, (type) =>
    type.message(1, (tensor) =>
      tensor.int(1, FLOAT).message(2, (dims) => {
        for (const extent of shape) {
          dims.message(1, (dim) => (typeof extent === "number" ? dim.int(1, extent) : dim.string(2, extent)));
        }
      }),
    ),
  );
}

/** The bytes of an ONNX model file. All values are float32, but for int64 initializers. */
export function encodeOnnxModel(model: OnnxModel): Uint8Array {
  const writer = new ProtoWriter().int(1, IR_VERSION).string(2, "pixcycle");
  writer.message(7, (graph) => {
    for (const node of model.nodes) graph.message(1, (inner) => writeNode(inner, node));
    graph.string(2, model.name);
    for (const initializer of model.initializers)
      graph.message(5, (inner) => writeInitializer(inner, initializer));
    for (const input of model.inputs) graph.message(11, (inner) => writeValue(inner, input));
    for (const output of model.outputs) graph.message(12, (inner) => writeValue(inner, output));
  });
  writer.message(8, (opset) => opset.string(1, "").int(2, OPSET));
  for (const [key, value] of Object.entries(model.metadata ?? {})) {
    writer.message(14, (entry) => entry.string(1, key).string(2, value));
  }
  return writer.finish();
}
