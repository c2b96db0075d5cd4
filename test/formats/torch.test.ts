import { readFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import type { FileTensor } from "../../src/formats/tensor.js";
import { readTensorFile } from "../../src/formats/tensor-file.js";

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
