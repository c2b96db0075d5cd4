import { expect, it } from "vitest";
import { ProtoWriter } from "../../src/formats/protobuf.js";
import { encodeOnnxModel } from "../../src/onnx/model.js";
import { summariseOnnx } from "../../src/onnx/summary.js";

const half = { name: "half", shape: [4], data: new Uint16Array(4) };
const MODEL = encodeOnnxModel({
  name: "net",
  nodes: [
    { opType: "Conv", name: "c", inputs: ["x", "w"], outputs: ["y"], attributes: {} },
    { opType: "com.microsoft.Gelu", name: "g", inputs: ["y"], outputs: ["z"], attributes: {} },
  ],
  initializers: [
    half,
    { name: "w", shape: [2, 3, 1, 1], data: new Float32Array(6) },
    { name: "b", shape: [], data: new Float32Array(1) },
    { name: "shape", shape: [2], data: BigInt64Array.of(1n, -1n) },
  ],
  inputs: [{ name: "x", shape: ["n", 3, "h", 8] }],
  outputs: [{ name: "z", shape: ["n", 2, "h", 8], type: "float16" }, { name: "any" }],
  metadata: { task: "a test" },
  opset: 17,
});

it("tells producer, operator sets, inputs, outputs, weights and metadata", () => {
  const summary = summariseOnnx(MODEL, "net.onnx");
  expect(summary).toEqual({
    producer: expect.stringMatching(/^pixcycle \d+\.\d+\.\d+$/),
    graph: "net",
    operatorSets: { "ai.onnx": 17, "com.microsoft": 1 },
    operators: 2,
    inputs: [{ name: "x", type: "float32", shape: ["n", 3, "h", 8] }],
    outputs: [
      { name: "z", type: "float16", shape: ["n", 2, "h", 8] },
      { name: "any", type: "float32", shape: undefined },
    ],
    weights: [
      { type: "float32", tensors: 2, numbers: 7 },
      { type: "float16", tensors: 1, numbers: 4 },
      { type: "int64", tensors: 1, numbers: 2 },
    ],
    externalFiles: [],
    metadata: { task: "a test" },
  });
});

/** As PyTorch writes a model of ONNX's third version: with packed extents, weights among the inputs, extents without names. */
function foreign(raw: Uint8Array, location?: string): Uint8Array {
  const typed = (value: ProtoWriter, name: string, extents: readonly number[]) =>
    value.string(1, name).message(2, (type) =>
      type.message(1, (tensor) =>
        tensor.int(1, 11).message(2, (shape) => {
          for (const extent of extents) shape.message(1, (dim) => (extent < 0 ? dim : dim.int(1, extent)));
        }),
      ),
    );
  return new ProtoWriter()
    .int(1, 3)
    .string(2, "pytorch")
    .string(3, "0.4.1")
    .message(7, (graph) =>
      graph
        .string(2, "torch-jit-export")
        .message(5, (tensor) => {
          tensor.bytes(1, Uint8Array.of(2, 3)).int(2, 11).string(8, "0.weight").bytes(9, raw);
          if (location !== undefined)
            tensor.message(13, (entry) => entry.string(1, "location").string(2, location)).int(14, 1);
        })
        .message(11, (value) => typed(value, "input", [1, -1]))
        .message(11, (value) => typed(value, "0.weight", [2, 3]))
        .message(12, (value) => typed(value, "4", [1, 2])),
    )
    .message(8, (set) => set.int(2, 9))
    .finish();
}

it("reads files of other programs, whose weights may be elsewhere", () => {
  expect(summariseOnnx(foreign(new Uint8Array(48)), "old.onnx")).toMatchObject({
    producer: "pytorch 0.4.1",
    operatorSets: { "ai.onnx": 9 },
    inputs: [{ name: "input", type: "float64", shape: [1, "?"] }],
    outputs: [{ name: "4", shape: [1, 2] }],
    weights: [{ type: "float64", tensors: 1, numbers: 6 }],
  });
  const apart = new ProtoWriter().finish();
  expect(() => summariseOnnx(foreign(apart), "old.onnx")).toThrow(
    "0.weight of shape [2, 3] has 0 bytes, not 48",
  );
  expect(summariseOnnx(foreign(new Uint8Array(48), "weights.bin"), "old.onnx").externalFiles).toEqual([
    "weights.bin",
  ]);
});

it("refuses a file that is cut anywhere", () => {
  const file = foreign(new Uint8Array(48));
  for (let length = 0; length < file.length; length++) {
    expect(() => summariseOnnx(file.subarray(0, length), "cut.onnx"), String(length)).toThrow(
      "cut.onnx is not an ONNX model: it is",
    );
  }
});

it.each([
  ["", "it is empty"],
  ["<!DOCTYPE html><p>Not found", "it is a web page"],
  ["version https://git-lfs.github.com/spec/v1\noid sha256:0", "it is a Git LFS pointer"],
  ["PK\x03\x04 and so on", "it is something else, or cut short"],
])("says what %j is instead", (text, problem) => {
  expect(() => summariseOnnx(new TextEncoder().encode(text), "model.onnx")).toThrow(problem);
});
