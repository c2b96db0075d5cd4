import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeSafetensors, encodeSafetensors } from "../../src/formats/safetensors.js";
import type { TensorMap } from "../../src/formats/tensor.js";
import { toFloatTensor } from "../../src/formats/weights.js";
import { createModel } from "../../src/models/model.js";
import { type Golden, initialWeights, readGolden, relativeError, under } from "../models/goldens.js";
import { runCli } from "./run-cli.js";

/** `pixcycle step` reads files that others wrote, and its files say what PyTorch computed. */

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pixcycle-step-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const STEP_OPTIONS = [
  "netG",
  "netD",
  "n_layers_D",
  "ngf",
  "ndf",
  "norm",
  "input_nc",
  "output_nc",
  "gan_mode",
  "lambda_L1",
  "lambda_A",
  "lambda_B",
  "lambda_identity",
  "pool_size",
  "lr",
  "beta1",
  "adam_eps",
  "adam_form",
] as const;

async function writeInputs(golden: Golden): Promise<{ weights: string; batches: string; flags: string[] }> {
  const weights = join(folder, golden.name, "weights");
  await mkdir(weights, { recursive: true });
  for (const { name } of createModel(golden.options).networks) {
    await writeFile(join(weights, `${name}.safetensors`), encodeSafetensors(initialWeights(golden, name)));
  }
  const batches = join(folder, golden.name, "batches.safetensors");
  const images: TensorMap = new Map([...golden.tensors].filter(([name]) => /^real_[AB]\.\d+$/.test(name)));
  await writeFile(batches, encodeSafetensors(images));
  const flags = STEP_OPTIONS.flatMap((name) => [`--${name}`, String(golden.options[name])]);
  return { weights, batches, flags: [...flags, ...(golden.options.no_dropout ? ["--no_dropout"] : [])] };
}

describe.each([
  ["pix2pix_resnet6_nonorm_pixel", "torch-pix2pix"],
  ["cycle_gan_resnet6_identity", "torch-cyclegan"],
])("pixcycle step on %s", (name, preset) => {
  it("writes the weights and losses that PyTorch computes", async () => {
    const golden = readGolden(name);
    const { weights, batches, flags } = await writeInputs(golden);
    const out = join(folder, name, "out");
    const { steps } = golden.options;
    const run = await runCli([
      "step",
      "--preset",
      preset,
      ...flags,
      "--weights",
      weights,
      "--batches",
      batches,
      "--steps",
      String(steps),
      "--out",
      out,
    ]);
    expect(run.stderr).not.toMatch(/E_[A-Z]+/);
    expect(run.status).toBe(0);
    const losses = JSON.parse(await readFile(join(out, "losses.json"), "utf8")) as Record<string, number>[];
    expect(losses).toHaveLength(steps);
    for (const [i, expected] of golden.losses.entries()) {
      for (const [loss, value] of Object.entries(expected)) {
        expect(Math.abs(losses[i]![loss]! - value)).toBeLessThanOrEqual(1e-4 * Math.max(1, Math.abs(value)));
      }
    }
    for (const { name: network } of createModel(golden.options).networks) {
      const file = `${network}.safetensors`;
      const { tensors } = decodeSafetensors(await readFile(join(out, file)), file);
      const start = initialWeights(golden, network);
      expect([...tensors.keys()].sort()).toEqual([...start.keys()].sort());
      const final = under(golden.tensors, `final/${network}/`);
      const keys = [...final.keys()].filter((key) => !golden.zeroGradient.has(`${network}/${key}`));
      const change = (to: (key: string) => ArrayLike<number>): number[] =>
        keys.flatMap((key) =>
          Array.from(to(key), (value, i) => value - toFloatTensor(start.get(key)!).data[i]!),
        );
      const actual = change((key) => toFloatTensor(tensors.get(key)!).data);
      expect(
        relativeError(
          actual,
          change((key) => final.get(key)!.data),
        ),
      ).toBeLessThan(1e-2);
    }
  });
});

describe("pixcycle step refuses", () => {
  const step = (...args: string[]) => runCli(["step", "--model", "pix2pix", ...args]);

  it("a folder without weights, too few batches, and weights of another architecture", async () => {
    const golden = readGolden("pix2pix_resnet6_nonorm_pixel");
    const { weights, batches, flags } = await writeInputs(golden);
    const out = join(folder, "refused");
    const missing = await step(...flags, "--weights", folder, "--batches", batches, "--out", out);
    expect(missing).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^E_FILE_MISSING: .*net_G\.safetensors/m),
    });
    const few = await step(
      ...flags,
      "--weights",
      weights,
      "--batches",
      batches,
      "--steps",
      "99",
      "--out",
      out,
    );
    expect(few).toMatchObject({ status: 1, stderr: expect.stringMatching(/^E_DATA_MISSING: /m) });
    const other = await step(
      ...flags,
      "--ngf",
      "3",
      "--weights",
      weights,
      "--batches",
      batches,
      "--out",
      out,
    );
    expect(other).toMatchObject({ status: 1, stderr: expect.stringMatching(/^E_CHECKPOINT_MISMATCH: /m) });
    const none = await step(...flags, "--weights", weights, "--out", out);
    expect(none.status).toBe(2);
    await expect(readFile(join(out, "losses.json"))).rejects.toThrow();
  });
});
