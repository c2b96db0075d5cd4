import { describe, expect, it } from "vitest";
import { summarise } from "../../src/runtime/node/profile.js";
import { runCli } from "./run-cli.js";

const small = [
  "--ngf",
  "4",
  "--ndf",
  "4",
  "--netG",
  "resnet_6blocks",
  "--netD",
  "pixel",
  "--size",
  "32",
  "--steps",
  "2",
];

describe("pixcycle bench", () => {
  it.each(["pix2pix", "cycle_gan"])(
    "%s: the last line of stdout is JSON with seconds and the peak",
    async (model) => {
      const run = await runCli(["bench", "--model", model, ...small, "--json"]);
      expect(run.status).toBe(0);
      const result = JSON.parse(run.stdout.trim().split("\n").at(-1)!) as Record<string, number>;
      expect(Object.keys(result)).toEqual([
        "secondsPerStep",
        "secondsToFirstStep",
        "graphSeconds",
        "sessionSeconds",
        "gigaflopPerStep",
        "secondsPerImage",
        "peakMiB",
      ]);
      for (const value of Object.values(result)) expect(value).toBeGreaterThan(0);
      expect(result.peakMiB).toBeGreaterThan(50);
      expect(result.secondsToFirstStep).toBeGreaterThan(result.secondsPerStep!);
    },
  );

  it("shows what is in memory at the worst moment", async () => {
    const run = await runCli(["bench", "--model", "cycle_gan", ...small, "--memory"]);
    expect(run.status).toBe(0);
    expect(run.stdout).toMatch(/graph of \d{4,} operations [\d.]+ s, session [\d.]+ s/);
    expect(run.stdout).toMatch(/at its peak\n +\d+ MiB {2}in all, at net_\S+\n +\d+ MiB {2}net_/);
  });

  it("shows where the time goes", async () => {
    const run = await runCli(["bench", "--model", "pix2pix", ...small, "--profile"]);
    expect(run.status).toBe(0);
    expect(run.stdout).toMatch(/by operator: time, share, nodes\n.* ms .* (Conv|Gemm|Add|Mul|Slice|Reshape)/);
    expect(run.stdout).toMatch(/by scope: time, share, nodes\n[\s\S]*net_G\/block\d, gradient/);
    expect(run.stdout).toMatch(/by scope and operator.*\n[\s\S]*net_G\/block, gradient: \w/);
  });

  it("refuses sizes that the networks cannot take", async () => {
    const run = await runCli(["bench", "--model", "pix2pix", "--size", "100", "--steps", "1"]);
    expect(run).toMatchObject({ status: 1, stderr: expect.stringMatching(/^E_SHAPE: .*multiples of 256/m) });
  });
});

it("a profile counts each node with its fastest run", () => {
  const event = (name: string, dur: number, op_name: string) => ({
    cat: "Node",
    name: `${name}_kernel_time`,
    dur,
    args: { op_name },
  });
  const { kinds, scopes, layers } = summarise([
    event("net_G/down1/Conv#1", 3000, "Conv"),
    event("net_G/down1/Conv#1", 1000, "Conv"),
    event("net_G/down1/gradient/Gemm#2", 2000, "Gemm"),
    event("net_G/block1/gradient/Gemm#3", 300, "Gemm"),
    event("net_G/block2/gradient/Gemm#4", 200, "Gemm"),
    { cat: "Session", name: "model_run", dur: 9000, args: {} },
  ]);
  expect(kinds).toEqual([
    { name: "Gemm", milliseconds: 2.5, nodes: 3 },
    { name: "Conv", milliseconds: 1, nodes: 1 },
  ]);
  expect(scopes.map(({ name }) => name)).toEqual([
    "net_G/down1, gradient",
    "net_G/down1",
    "net_G/block1, gradient",
    "net_G/block2, gradient",
  ]);
  expect(layers.at(-1)).toEqual({ name: "net_G/block, gradient: Gemm", milliseconds: 0.5, nodes: 2 });
});
