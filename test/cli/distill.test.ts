import { stat } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../data/files.js";
import { randomGenerator, writeWeights } from "../translation/models.js";
import { runCli, startCli } from "./run-cli.js";
import { makeToyData, writePicture } from "./toy-data.js";

const cwd = temporaryFolder("cli-distill");
const student = [
  ...[
    "--dataroot",
    "data",
    "--ngf",
    "2",
    "--netD",
    "pixel",
    "--ndf",
    "2",
    "--num_threads",
    "0",
    "--threads",
    "1",
  ],
  ...["--load_size", "18", "--crop_size", "16"],
];

beforeAll(async () => {
  await makeToyData(join(cwd, "data"), 3);
  await writePicture(join(cwd, "data/test/0.png"), 40, 20);
  await writeWeights(join(cwd, "big.safetensors"), randomGenerator());
});

describe("pixcycle distill", () => {
  it("says what it does, and ends with what student and teacher do and cost", async () => {
    const { status, stdout, stderr } = await runCli(
      ["distill", "big.safetensors", ...student, "--max_steps", "2"],
      { cwd },
    );
    expect([status, status === 0 ? "" : stderr]).toEqual([0, ""]);
    expect(stderr).toMatch(
      /^teacher: resnet_6blocks, ngf 4 of big.safetensors, AtoB; student: mobile_resnet_9blocks, ngf 2$/m,
    );
    expect(stderr).toContain("the teacher has translated 4 of 4 images");
    const lines = stdout.split("\n").map((line) => line.trim().split(/ {2,}/));
    expect(lines[0]).toEqual([
      `trained 2 steps: ${join("runs", "big-small", "checkpoints", "step-00000002")}`,
    ]);
    expect(stdout).toContain("On 1 images of phase test:");
    expect(lines).toContainEqual(["L1", "PSNR dB", "SSIM"]);
    for (const name of ["student against teacher", "teacher against truth", "student against truth"])
      expect(stdout).toMatch(new RegExp(`^${name} +0\\.\\d{4} +\\d+\\.\\d\\d +-?0\\.\\d{4}$`, "m"));
    expect(stdout).toMatch(/^teacher: resnet_6blocks, ngf 4 +0\.03 M +0\.00\d+ G +[\d.]+ +\d+\.\d kB$/m);
    expect(stdout).toContain(`Look at ${join("runs", "big-small", "grid.png")}.`);
  });

  it("says how to go on when it is interrupted, which works", async () => {
    const args = ["distill", "big.safetensors", ...student, "--name", "stopped", "--print_freq", "1"];
    const { process: child, result } = startCli([...args, "--json", "--max_steps", "400"], { cwd });
    child.stderr!.on("data", (text: Buffer) => {
      if (/^epoch/m.test(text.toString())) child.kill("SIGINT");
    });
    const { status, stdout } = await result;
    expect(status).toBe(130);
    const { step, finished, comparison } = JSON.parse(stdout);
    expect([finished, comparison]).toEqual([false, null]);
    const again = ["distill", "big.safetensors", "--continue_train", "--name", "stopped"];
    const continued = await runCli([...again, "--max_steps", String(step + 1), "--json"], { cwd });
    expect([continued.status, continued.status === 0 ? "" : continued.stderr]).toEqual([0, ""]);
    expect(JSON.parse(continued.stdout)).toMatchObject({
      step: step + 1,
      finished: true,
      comparison: { images: 1 },
    });
  });

  it("leaves nothing where it was stopped before the first step", async () => {
    const { process: child, result } = startCli(
      ["distill", "big.safetensors", ...student, "--runs_dir", "none"],
      { cwd },
    );
    child.stderr!.on("data", (text: Buffer) => {
      if (text.includes("teacher:")) child.kill("SIGINT");
    });
    const { status, stdout } = await result;
    expect([status, stdout]).toEqual([130, "stopped before the first step; nothing was kept\n"]);
    await expect(stat(join(cwd, "none"))).rejects.toMatchObject({ code: "ENOENT" });
  });
});
