import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readTensorFile } from "../../src/formats/tensor-file.js";
import { failure, temporaryFolder } from "../data/files.js";
import { floats, part, pict } from "./pict-files.js";

const folder = temporaryFolder("pict");
const write = (bytes: Uint8Array): string => {
  const path = join(folder, "weights.pict");
  writeFileSync(path, bytes);
  return path;
};

const shapes = [
  { name: "generator/a", shape: [2, 3] },
  { name: "generator/b", shape: [2] },
];
const levels = [-1.5, 0.25, 3];
const codes = [0, 1, 2, 2, 1, 0, 1, 1];

describe("a .pict", () => {
  it("holds tensors one after the other, a level for each number", async () => {
    const { tensors } = await readTensorFile(write(pict(shapes, levels, codes)));
    expect([...tensors]).toEqual([
      ["generator/a", { dtype: "F32", shape: [2, 3], data: Float32Array.of(-1.5, 0.25, 3, 3, 0.25, -1.5) }],
      ["generator/b", { dtype: "F32", shape: [2], data: Float32Array.of(0.25, 0.25) }],
    ]);
  });

  const whole = pict(shapes, levels, codes);
  it("cut short anywhere is refused in one line", async () => {
    for (let length = 0; length < whole.length; length++) {
      const line = (await failure(readTensorFile(write(whole.subarray(0, length))))).toLine();
      expect(line, `cut to ${length}`).toMatch(/^E_FILE_FORMAT: [^\n]+$/);
    }
    const cut = await failure(readTensorFile(write(whole.subarray(0, whole.length - 1))));
    expect(cut.message).toContain(
      "not a readable .pict file: cut short: its weights take 8 bytes, 7 are left.",
    );
  });

  const liar = JSON.stringify(shapes);
  it.each<[string, Uint8Array, string]>([
    ["too long", Buffer.concat([whole, Buffer.of(0)]), "1 bytes too many at its end"],
    ["of too few weights", pict(shapes, levels, codes.slice(1)), "its shapes make 8 weights, it has 7"],
    ["of too many weights", pict(shapes, levels, [...codes, 0]), "its shapes make 8 weights, it has 9"],
    ["with a level it lacks", pict(shapes, levels, [...codes.slice(1), 3]), "a weight has level 3 of 3"],
    ["without levels", pict(shapes, [], codes), "its levels take 0 bytes instead of 4 to 1024"],
    ["of too many levels", pict(shapes, new Array(257).fill(0), codes), "take 1028 bytes"],
    ["with half a level", Buffer.concat([part(liar), part(Buffer.alloc(6)), part("")]), "take 6 bytes"],
    ["with an infinite level", pict(shapes, [1, 2, 1 / 0], codes), "is not a finite number"],
    ["with a name twice", pict([shapes[1], shapes[1]], levels, [0, 0, 0, 0]), 'are called "generator/b"'],
    ["with a negative extent", pict([{ name: "a", shape: [-8, -1] }], levels, codes), "no list of names"],
    ["with a broken extent", pict([{ name: "a", shape: [0.5, 16] }], levels, codes), "no list of names"],
    [
      "with huge extents",
      pict([{ name: "a", shape: [1e9, 1e9, 1e9] }], levels, codes),
      "its shapes make 1e+27 weights",
    ],
    ["without shapes", pict([{ name: "a" }], levels, codes), "no list of names and shapes"],
    [
      "with broken JSON",
      Buffer.concat([part(liar.slice(0, -1)), part(floats(levels)), part(Buffer.from(codes))]),
      "no list of names and shapes",
    ],
  ])("%s is refused in one line", async (_, bytes, problem) => {
    const error = await failure(readTensorFile(write(bytes)));
    expect(error.code).toBe("E_FILE_FORMAT");
    expect(error.message).toContain(problem);
    expect(error.toLine()).not.toContain("\n");
  });

  it("is told from other files by its content, whatever its name", async () => {
    const path = join(folder, "weights.pth");
    writeFileSync(path, whole);
    expect((await readTensorFile(path)).tensors.size).toBe(2);
    const real = readFileSync(new URL("../fixtures/networks/affinelayer.pict", import.meta.url));
    expect((await readTensorFile(write(real))).tensors.size).toBe(2 * (2 + 7 * 4));
  });
});
