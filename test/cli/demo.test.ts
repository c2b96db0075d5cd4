import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { type BuiltinIcon, loadBuiltin } from "../../src/data/builtin.js";
import { decodeImage, encodeImage } from "../../src/data/image.js";
import { demoSchedule } from "../../src/demo/settings.js";
import { temporaryFolder } from "../data/files.js";
import { type CliResult, runCli, startCli } from "./run-cli.js";

const cwd = temporaryFolder("cli-demo");
const STEPS = 6;

/** The commands that the demo's last lines suggest. */
const suggestions = ({ stdout }: CliResult): string[][] =>
  [...stdout.matchAll(/^ {4}pixcycle (.+)$/gm)].map((match) => match[1]!.split(" "));

/** A row of the table: L1, PSNR, SSIM. */
const scores = ({ stdout }: CliResult, row: string): number[] =>
  stdout
    .split("\n")
    .find((line) => line.startsWith(row))!
    .slice(row.length)
    .trim()
    .split(/\s+/)
    .map(Number);

describe("pixcycle demo", () => {
  let demo: CliResult;

  beforeAll(async () => {
    demo = await runCli(["demo", "--max_steps", String(STEPS)], { cwd });
  }, 60_000);

  it("trains, and scores the result beside the baselines on the held-out icons", () => {
    expect(demo.stderr).toContain(`training to step ${STEPS}`);
    expect(demo.status).toBe(0);
    expect(scores(demo, "input as it is (identity)")).toEqual([0.0638, 18.5, 0.7288]);
    expect(scores(demo, "best colour map (regression)")).toEqual([0.0545, 20.55, 0.7499]);
    const [l1, psnr] = scores(demo, "this model");
    expect(l1).toBeGreaterThan(0.04);
    expect(psnr).toBeGreaterThan(5);
  });

  it("writes input, output and truth of every held-out icon into one picture", async () => {
    const { testA, testB } = await loadBuiltin({ task: "flat-to-3d", layout: "aligned" });
    const grid = await decodeImage(join(cwd, "runs", "demo", "grid.png"));
    const pixels = Buffer.from(grid.data).toString("latin1");
    const middleRow = ({ image }: BuiltinIcon) => {
      // In the grid every pixel is doubled.
      const row = image.data.subarray(32 * 64 * 3, 33 * 64 * 3);
      return Buffer.from(
        Uint8Array.from({ length: 384 }, (_, i) => row[Math.floor(i / 6) * 3 + (i % 3)]!),
      ).toString("latin1");
    };
    const missing = [...testA, ...testB].filter((icon) => !pixels.includes(middleRow(icon)));
    expect(missing.map(({ name }) => name)).toEqual([]);
  });

  it("suggests commands that work", async () => {
    const { testA } = await loadBuiltin({ task: "flat-to-3d", layout: "aligned" });
    await writeFile(join(cwd, "icon.png"), await encodeImage(testA[0]!.image, "png"));
    const commands = suggestions(demo);
    expect(commands.map(([name]) => name)).toEqual(["translate", "translate", "train", "inspect"]);
    const results: CliResult[] = [];
    for (const [i, command] of commands.entries()) {
      const out = command[0] === "translate" ? ["--out", `translated-${i}`] : [];
      results.push(await runCli([...command, ...out], { cwd }));
    }
    expect(results.map(({ status, stderr }) => (status === 0 ? "" : stderr))).toEqual(["", "", "", ""]);
    expect(results[1]!.stdout).toContain("32 translated");
    expect(results[2]!.stdout).toContain(`trained ${2 * STEPS} steps`);
    const metrics = await readFile(join(cwd, "runs", "demo", "metrics.jsonl"), "utf8");
    expect(metrics.trim().split("\n").length).toBe(2 * STEPS);
    expect(results[3]!.stdout).toContain("residual");
  }, 60_000);

  it("takes a new name where there is an earlier demo, and trains until the time is over", async () => {
    const before = await readFile(join(cwd, "runs", "demo", "grid.png"));
    const { status, stdout, stderr } = await runCli(["demo", "--time", "2", "--json"], { cwd });
    expect([status, status === 0 ? "" : stderr]).toEqual([0, ""]);
    expect(stderr).toMatch(/^training for [012] s, 112 steps an epoch$/m);
    const report = JSON.parse(stdout) as { run: string; step: number; grid: string; scores: object };
    expect(report.run).toBe(join("runs", "demo-2"));
    const config = JSON.parse(await readFile(join(cwd, report.run, "config.json"), "utf8"));
    expect(config.options).toMatchObject(demoSchedule(report.step, 112));
    expect(Object.values(report.scores)[0]).toMatchObject({ ssim: expect.closeTo(0.7288, 4) });
    expect((await decodeImage(join(cwd, report.grid))).channels).toBe(3);
    expect(await readFile(join(cwd, "runs", "demo", "grid.png"))).toEqual(before);
  }, 60_000);

  it("has an unpaired form, that sees no icon on both sides", async () => {
    const { status, stdout, stderr } = await runCli(
      ["demo", "--model", "cycle_gan", "--max_steps", "2", "--name", "unpaired", "--json"],
      { cwd },
    );
    expect([status, status === 0 ? "" : stderr]).toEqual([0, ""]);
    const { run, step } = JSON.parse(stdout) as { run: string; step: number };
    expect(step).toBe(2);
    const [A, B] = await Promise.all(
      ["trainA", "trainB"].map((side) => readdir(join(cwd, run, "data", side))),
    );
    expect([A!.length, B!.length]).toEqual([112, 112]);
    expect(A!.filter((name) => B!.includes(name))).toEqual([]);
  }, 60_000);

  it("says how to go on when it is interrupted", async () => {
    const { process: child, result } = startCli(["demo", "--max_steps", "5000", "--name", "stopped"], {
      cwd,
    });
    const log = join(cwd, "runs", "stopped", "metrics.jsonl");
    await vi.waitUntil(async () => (await readFile(log, "utf8").catch(() => "")) !== "", { timeout: 50_000 });
    child.kill("SIGINT");
    const { status, stdout } = await result;
    expect(status).toBe(130);
    expect(stdout).toMatch(
      /^stopped after step \d+; continue with: pixcycle train --continue_train --name stopped\n$/,
    );
  }, 60_000);

  it("leaves nothing where it was stopped before the first step", async () => {
    const { process: child, result } = startCli(["demo", "--max_steps", "50", "--runs_dir", "none"], { cwd });
    child.stderr!.on("data", (text: Buffer) => {
      if (text.includes("memory:")) child.kill("SIGINT");
    });
    const { status, stdout } = await result;
    expect([status, stdout]).toEqual([130, "stopped before the first step; nothing was kept\n"]);
    expect(await readdir(cwd)).not.toContain("none");
  }, 60_000);

  it.each([
    [["--time", "soon"], /^E_OPTION: --time expects seconds above 0, got "soon"/],
    [["--time", "9", "--max_steps", "9"], /^E_OPTION_CONFLICT: --time and --max_steps/],
    [["--name", "demo", "--max_steps", "1"], /^E_OPTION_CONFLICT: runs.demo already holds a run/],
  ])("refuses %s", async (args, message) => {
    const { status, stderr } = await runCli(["demo", ...args], { cwd });
    expect(status).toBe(2);
    expect(stderr.split("\n").find((line) => line.startsWith("E_"))).toMatch(message);
  });
});

describe("the demo's schedule", () => {
  it.each([
    [1, 224, 0, 1],
    [224, 224, 0, 1],
    [3000, 224, 7, 7],
    [3200, 224, 7, 8],
  ])("%i steps of %i an epoch", (steps, batches, n_epochs, n_epochs_decay) => {
    expect(demoSchedule(steps, batches)).toEqual({ max_steps: steps, n_epochs, n_epochs_decay });
  });
});
