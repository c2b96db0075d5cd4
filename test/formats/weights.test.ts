import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import type { FileTensor, TensorMap } from "../../src/formats/tensor.js";
import { readTensorFile } from "../../src/formats/tensor-file.js";
import { floatMap, toFloatTensor } from "../../src/formats/weights.js";

const floats = (tensor: FileTensor): number[] => [...toFloatTensor(tensor).data];

describe("toFloatTensor", () => {
  it.each(["F16", "BF16"] as const)("%s: all bit patterns as PyTorch converts them", async (dtype) => {
    const conversions = JSON.parse(await readFile("test/fixtures/torch/conversions.json", "utf8"));
    const data = Uint16Array.from({ length: 65536 }, (_, i) => i ^ 0x8000);
    const { data: converted } = toFloatTensor({ dtype, shape: [65536], data });
    const zeroed = converted.map((value) => (Number.isNaN(value) ? 0 : value));
    const hash = createHash("sha256").update(new Uint8Array(zeroed.buffer)).digest("hex");
    expect(hash).toBe(conversions[dtype]);
    const nans = converted.filter((value) => Number.isNaN(value)).length;
    expect(nans).toBe(dtype === "F16" ? 2 * 1023 : 2 * 127);
  });

  it("every dtype of a PyTorch file", async () => {
    const { tensors } = await readTensorFile("test/fixtures/torch/dtypes.zip.pth");
    const exact = [0, 1, 2.5, 3, 100, 0.15625];
    for (const dtype of ["F64", "F32", "F16"]) expect(floats(tensors.get(dtype)!)).toEqual(exact);
    // 0.15625 needs two bits of fraction, 100 three: bfloat16 has seven.
    expect(floats(tensors.get("BF16")!)).toEqual(exact);
    for (const dtype of ["I64", "I32", "I16", "I8", "U8"]) {
      expect(floats(tensors.get(dtype)!)).toEqual([0, 1, 2, 3, 100, 0]);
    }
    expect(floats(tensors.get("BOOL")!)).toEqual([0, 1, 1, 1, 1, 1]);
    const signs = [-1.5, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, -0, 2 ** -24];
    expect(floats(tensors.get("signs")!)).toEqual(signs);
    expect(floats(tensors.get("negative")!)).toEqual([-(2 ** 62), -1, 2 ** 53]);
    expect(toFloatTensor(tensors.get("empty")!)).toEqual({ shape: [0, 3], data: new Float32Array(0) });
  });

  it("does not copy float32", () => {
    const data = Float32Array.of(1, 2);
    expect(toFloatTensor({ dtype: "F32", shape: [2], data }).data).toBe(data);
  });
});

it("floatMap converts every tensor, in the same order", () => {
  const tensors: TensorMap = new Map<string, FileTensor>([
    ["b", { dtype: "F64", shape: [1], data: Float64Array.of(0.1) }],
    ["a", { dtype: "BOOL", shape: [2], data: Uint8Array.of(0, 255) }],
  ]);
  expect([...floatMap(tensors)]).toEqual([
    ["b", { shape: [1], data: Float32Array.of(0.1) }],
    ["a", { shape: [2], data: Float32Array.of(0, 1) }],
  ]);
});
