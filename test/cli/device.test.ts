import { describe, expect, it } from "vitest";
import { presets } from "../../src/options/presets.js";
import { WEBGPU } from "../setup/webgpu.js";
import { runCli } from "./run-cli.js";

const small = ["--model", "pix2pix", "--netG", "unet_64", "--netD", "pixel", "--ngf", "4", "--ndf", "4"];
const bench = ["bench", ...small, "--size", "64", "--steps", "1", "--device", "webgpu"];

interface Entry {
  readonly name: string;
  readonly nodes: number;
}

describe.skipIf(!WEBGPU)("--device webgpu", () => {
  it("has every operator of a step on WebGPU, and copies nothing between them", async () => {
    const run = await runCli([...bench, "--profile", "--json"]);
    expect(run.status).toBe(0);
    const { profile } = JSON.parse(run.stdout) as { profile: Record<"providers" | "kinds", Entry[]> };
    expect(profile.providers.map(({ name }) => name)).toEqual(["WebGpuExecutionProvider"]);
    expect(profile.providers[0]!.nodes).toBeGreaterThan(300);
    expect(profile.kinds.filter(({ name }) => name.startsWith("Memcpy"))).toEqual([]);
  });

  it("is listed by doctor, with the place of a step's operators", async () => {
    const run = await runCli(["doctor"]);
    expect(run.stdout).toMatch(
      /ok {2}webgpu step .*trained 2 steps.*; \d+ operators on WebGpuExecutionProvider$/m,
    );
    const models = /ok {2}webgpu models .*all operators of a step are on it: (.*)$/m.exec(run.stdout)?.[1];
    for (const kind of [...Object.keys(presets), "pix2pix wgangp", "cycle_gan wgangp"])
      expect(models).toMatch(new RegExp(`(^|, )${kind} \\d{3,}(,|$)`));
  });
});

it.skipIf(process.platform !== "linux")(
  "--device webgpu without a driver says so, and what to do",
  async () => {
    const run = await runCli(bench, {
      prefix: "export VK_ICD_FILENAMES=/nonexistent VK_DRIVER_FILES=/nonexistent",
    });
    expect(run).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^E_DEVICE: WebGPU .*\. Use --device cpu, or .*doctor/m),
    });
  },
);
