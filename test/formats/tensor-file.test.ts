import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeSafetensors } from "../../src/formats/safetensors.js";
import type { TensorMap } from "../../src/formats/tensor.js";
import { readTensorFile } from "../../src/formats/tensor-file.js";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "pixcycle-tensor-file-"));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

const at = (name: string): string => path.join(folder, name);

describe("readTensorFile", () => {
  it("goes by content, not by extension", async () => {
    const tensors: TensorMap = new Map([["w", { dtype: "F32", shape: [2], data: Float32Array.of(1, 2) }]]);
    await writeFile(at("weights.pth"), encodeSafetensors(tensors, { epoch: "5" }));
    await copyFile("test/fixtures/torch/floats.zip.pth", at("weights.safetensors"));
    await copyFile("test/fixtures/torch/state.legacy.pth", at("weights.zip"));
    expect(await readTensorFile(at("weights.pth"))).toEqual({ tensors, metadata: { epoch: "5" } });
    expect([...(await readTensorFile(at("weights.safetensors"))).tensors.keys()]).toEqual(["weight", "bias"]);
    expect((await readTensorFile(at("weights.zip"))).tensors.size).toBe(9);
  });

  it("takes safetensors whose header length looks like a pickle", async () => {
    // 0x0280 bytes: the file begins with 80 02, as a pickle of protocol 2 does.
    const base = encodeSafetensors(new Map(), { note: "" }).length - 8;
    const bytes = encodeSafetensors(new Map(), { note: "x".repeat(0x280 - base) });
    expect([...bytes.subarray(0, 2)]).toEqual([0x80, 0x02]);
    await writeFile(at("pickle-like"), bytes);
    expect((await readTensorFile(at("pickle-like"))).tensors.size).toBe(0);
  });

  it("keeps text and numbers of a .pth as metadata", async () => {
    for (const container of ["zip", "legacy"]) {
      const { metadata } = await readTensorFile(`test/fixtures/torch/nested.${container}.pth`);
      expect(metadata).toEqual({
        epoch: "12",
        name: "horse2zebra",
        best: "true",
        lr: "0.00025",
        "optimizer.state.0.step": "3",
        "optimizer.param_groups.0.betas.0": "0.5",
        "optimizer.param_groups.0.betas.1": "0.999",
      });
    }
  });

  it.each([
    ["an empty file", "", /it is empty/],
    ["a web page", "\n<!DOCTYPE html><html>not found", /it is a web page/],
    ["a Git LFS pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:0", /a Git LFS pointer/],
    ["gzip", Uint8Array.of(0x1f, 0x8b, 8, 0), /gzip-compressed/],
    ["HDF5", Uint8Array.of(0x89, 0x48, 0x44, 0x46, 0x0d), /an HDF5 file/],
    ["text", "weights, honestly", /neither safetensors nor a PyTorch file/],
    ["a zip of something else", "PK\x05\x06".padEnd(22, "\0"), /0 entries <root>\/data\.pkl/],
  ])("refuses %s by name", async (_, content, message) => {
    await writeFile(at("wrong.pth"), content);
    await expect(readTensorFile(at("wrong.pth"))).rejects.toMatchObject({
      code: "E_FILE_FORMAT",
      message: expect.stringMatching(message),
      hint: expect.stringMatching(/\.$/),
    });
  });

  it("says so when there is no file", async () => {
    await expect(readTensorFile(at("absent.pth"))).rejects.toMatchObject({
      code: "E_FILE_MISSING",
      message: `${at("absent.pth")} does not exist.`,
    });
    await expect(readTensorFile(folder)).rejects.toThrow(`${folder} is not a file.`);
  });
});
