import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PixcycleError } from "../../src/errors.js";
import { createRunner } from "../../src/runtime/node/create.js";
import { requireDevice } from "../../src/runtime/node/require-device.js";
import { runCli } from "../cli/run-cli.js";
import { describeFloat16 } from "../models/float16.js";
import type { Bounds } from "../models/golden-checks.js";
import { goldenBatch, readGolden } from "../models/goldens.js";
import { CHROMIUM } from "../setup/chromium.js";
import { WEBGPU } from "../setup/webgpu.js";
import { BrowserModels } from "./browser-models.js";

/** Whether the adapter has `shader-f16`: graphics cards of the last years, and Mesa's software driver of 2025, but not SwiftShader. */
const FLOAT16 = WEBGPU && (await has());

async function has(): Promise<boolean> {
  try {
    await requireDevice("webgpu", true);
    return true;
  } catch (error) {
    if (error instanceof PixcycleError && error.code === "E_DEVICE") return false;
    throw error;
  }
}

/**
 * ONNX Runtime's shaders add up in float16, too. Networks of 4 filters at their first steps suffer more from that than wide ones
 * do. Found with Mesa 25.0.7 (lavapipe): 0.041, 0.32, 0.016, 0.028, 0.62.
 */
const SUMS: Bounds = { forward: 0.1, gradients: 0.5, statistics: 0.03, losses: 0.05, weights: 0.8 };

const GOLDENS = ["pix2pix_unet64_batchnorm", "cycle_gan_resnet6_identity"];

describe.skipIf(!FLOAT16)("on an adapter with shader-f16 (skipped where there is none)", () => {
  describeFloat16("webgpu", GOLDENS, SUMS);

  it("every operator of a step is on the device, and nothing is copied between devices", async () => {
    const small = ["--model", "pix2pix", "--netG", "unet_64", "--netD", "pixel", "--ngf", "4", "--ndf", "4"];
    const steps = ["--size", "64", "--steps", "1", "--device", "webgpu", "--fp16", "--profile", "--json"];
    const run = await runCli(["bench", ...small, ...steps]);
    const { profile } = JSON.parse(run.stdout) as {
      profile: Record<"providers" | "kinds", { name: string }[]>;
    };
    expect(profile.providers.map(({ name }) => name)).toEqual(["WebGpuExecutionProvider"]);
    const kinds = profile.kinds.map(({ name }) => name);
    expect(kinds).toContain("Cast");
    expect(kinds.filter((name) => name.startsWith("Memcpy"))).toEqual([]);
  });
});

const REFUSAL = {
  ...{ code: "E_DEVICE", message: expect.stringContaining("shader-f16") },
  hint: expect.stringContaining("without --fp16"),
};

describe.skipIf(!WEBGPU || FLOAT16)("on an adapter without shader-f16 (skipped where there is none)", () => {
  it("float16 is refused before anything is begun, in one line", async () => {
    await expect(requireDevice("webgpu", true)).rejects.toMatchObject(REFUSAL);
    const run = await runCli(["bench", "--model", "pix2pix", "--device", "webgpu", "--fp16"]);
    expect(run).toMatchObject({ status: 1, stdout: "" });
    expect(run.stderr).toMatch(/^E_DEVICE: .*shader-f16.*Train without --fp16.*\n$/);
  });

  it("a model that is made without asking first says so at its first step", async () => {
    const golden = readGolden(GOLDENS[0]!);
    const runner = createRunner(golden.options, { threads: 1, device: "webgpu", fp16: true });
    const step = runner.step(goldenBatch(golden, 0), { learningRate: 1e-4 });
    await expect(step).rejects.toMatchObject(REFUSAL);
    await runner.close();
  });
});

describe.skipIf(CHROMIUM === undefined)("in Chromium, whose SwiftShader has no shader-f16", () => {
  let models: BrowserModels;
  beforeAll(async () => {
    models = await BrowserModels.start();
  });
  afterAll(() => models?.stop());

  it("float16 is refused", async () => {
    const settings = { device: "webgpu", threads: 1, fp16: true } as const;
    await expect(models.create(readGolden(GOLDENS[0]!).options, settings)).rejects.toMatchObject(REFUSAL);
  });
});
