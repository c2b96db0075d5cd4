import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { FileTensor, TensorMap } from "../../src/formats/tensor.js";
import { readTensorFile } from "../../src/formats/tensor-file.js";
import { readTensorSource } from "../../src/formats/tensor-source.js";
import {
  bytes,
  dict,
  global,
  int,
  memorySource,
  pickle,
  storage,
  stream,
  tar,
  tensor,
  text,
  tuple,
  uint32,
  uint64,
  zip,
} from "./torch-files.js";

/** Every network of the reference in each container of PyTorch's, packed here from the tensors of one of them. */

const FOLDER = "test/fixtures/networks";
const files = readdirSync(FOLDER).filter((name) => name.endsWith(".pth"));

const raw = ({ data }: FileTensor): Uint8Array =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
const torch = ({ dtype }: FileTensor, kind: "Storage" | "Tensor"): Uint8Array =>
  global("torch", `${{ F32: "Float", I64: "Long" }[dtype as "F32" | "I64"]}${kind}`);

const digests = (tensors: TensorMap): unknown[] =>
  [...tensors].map(([name, value]) => {
    const content = createHash("sha256").update(raw(value)).digest("hex");
    return [name, value.dtype, value.shape, content];
  });

/** Elements between neighbours of each axis. */
function strides(shape: readonly number[]): number[] {
  return shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
}

/** The pickled state_dict of the zip and the legacy stream. */
function stateDict(tensors: TensorMap): Uint8Array {
  const items = [...tensors].flatMap(([name, value], index) => {
    const [key, count] = [text(String(index)), int(value.data.length)];
    const from = storage({ cls: torch(value, "Storage"), key, count });
    const [shape, steps] = [value.shape, strides(value.shape)].map((sizes) => tuple(...sizes.map(int)));
    return [text(name), tensor({ from, shape: shape!, strides: steps! })];
  });
  return pickle(dict(...items));
}

const containers = {
  zip: (tensors: TensorMap) =>
    zip(
      stateDict(tensors),
      Object.fromEntries([...tensors.values()].map((value, index) => [`archive/data/${index}`, raw(value)])),
    ),
  stream: (tensors: TensorMap) => {
    const all = [...tensors.values()];
    const keys = pickle("](", ...all.map((_, index) => text(String(index))), "e");
    const contents = all.flatMap((value) => [bytes(uint64(value.data.length)), raw(value)]);
    return stream(stateDict(tensors), keys, ...contents);
  },
  tar: (tensors: TensorMap) => {
    const all = [...tensors.entries()];
    const storages = all.flatMap(([, value], key) => [
      pickle(tuple(int(key), text("cpu"), torch(value, "Storage"))),
      bytes(uint64(value.data.length)),
      raw(value),
    ]);
    const described = all.flatMap(([, value], key) => [
      pickle(tuple(int(key), int(key), torch(value, "Tensor"))),
      bytes(uint32(value.shape.length), uint32(0)),
      bytes(...[...value.shape, ...strides(value.shape), 0].map(uint64)),
    ]);
    return tar({
      storages: bytes(pickle(int(all.length)), ...storages, pickle("]")),
      tensors: bytes(pickle(int(all.length)), ...described),
      pickle: pickle(dict(...all.flatMap(([name], key) => [text(name), bytes(text(String(key)), "Q")]))),
    });
  },
};

describe.each(Object.entries(containers))("in a %s", (_, pack) => {
  it.each(files)("%s is read bit for bit", async (file) => {
    const { tensors } = await readTensorFile(`${FOLDER}/${file}`);
    const again = await readTensorSource(memorySource(await pack(tensors)));
    expect(digests(again.tensors)).toEqual(digests(tensors));
  });
});
