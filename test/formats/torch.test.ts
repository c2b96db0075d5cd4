import { readFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import type { FileTensor } from "../../src/formats/tensor.js";
import { readTensorFile } from "../../src/formats/tensor-file.js";
import { readTensorSource } from "../../src/formats/tensor-source.js";
import {
  bytes,
  call,
  global,
  int,
  memorySource,
  pickle,
  storage,
  stream,
  text,
  tuple,
} from "./torch-files.js";

const FOLDER = path.resolve("test/fixtures/torch");

interface Described {
  dtype: string;
  shape: number[];
  hex: string;
}

const expected: Record<string, Record<string, Described>> = JSON.parse(
  await readFile(path.join(FOLDER, "expected.json"), "utf8"),
);

function describeTensor({ dtype, shape, data }: FileTensor): Described {
  const hex = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("hex");
  return { dtype, shape: [...shape], hex };
}

async function read(name: string): Promise<[string, Described][]> {
  const { tensors } = await readTensorFile(path.join(FOLDER, name));
  return [...tensors].map(([key, tensor]) => [key, describeTensor(tensor)]);
}

describe("what PyTorch wrote is read bit for bit, in its order", () => {
  const twoContainers = ["state", "dtypes", "views", "nested", "parameters"].flatMap((name) => [
    [`${name}.zip.pth`, name],
    [`${name}.legacy.pth`, name],
  ]);
  const others = [
    ["state.protocol4.zip.pth", "state"],
    ["state.protocol4.legacy.pth", "state"],
    ["floats.zip.pth", "floats"],
    ["floats.big_endian.pth", "floats"],
    ["floats.deflated.pth", "floats"],
    ["old.tar.pth", "old"],
    // The prefix of nn.DataParallel is gone.
    ["module_prefix.zip.pth", "state"],
    ["module_prefix.legacy.pth", "state"],
  ];
  it.each([...twoContainers, ...others])("%s", async (file, name) => {
    expect(await read(file!)).toEqual(Object.entries(expected[name!]!));
  });
});

it("reads what PyTorch 0.1.10 to 0.3 wrote under Python 2", async () => {
  // Names as byte strings, an OrderedDict of pairs, _rebuild_tensor without flags, a storage that is a view.
  const name = bytes("U", 6, "weight");
  const view = tuple(text("view"), int(1), int(3));
  const weight = call(
    global("torch._utils", "_rebuild_tensor"),
    storage({ cls: global("torch.cuda", "FloatStorage"), view }),
    int(1),
    tuple(int(2)),
    tuple(int(1)),
  );
  const pairs = bytes("](](", name, weight, "ee");
  const state = call(global("collections", "OrderedDict"), pairs);
  const { tensors } = await readTensorSource(memorySource(stream(pickle(state))));
  expect(tensors).toEqual(new Map([["weight", { dtype: "F32", shape: [2], data: Float32Array.of(3, 4) }]]));
});

it("tensors that share a storage do not share memory", async () => {
  const { tensors } = await readTensorFile(path.join(FOLDER, "parameters.zip.pth"));
  const [weight, tied] = [tensors.get("weight")!, tensors.get("tied")!];
  expect(tied).toEqual(weight);
  expect(tied.data.buffer).not.toBe(weight.data.buffer);
});
