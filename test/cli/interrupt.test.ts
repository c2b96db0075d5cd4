import { cp, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RandomStream } from "../../src/random/philox.js";
import { loadCheckpoint, wholeCheckpoints } from "../../src/training/checkpoint.js";
import { type CliRun, runCli, startCli } from "./run-cli.js";
import { makeToyData, toyOptions } from "./toy-data.js";

const EPOCHS = ["--n_epochs", "4", "--n_epochs_decay", "4"];
const LAST = "step-00000056";
const models = ["pix2pix", "cycle_gan"] as const;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pixcycle-"));
  await makeToyData(join(folder, "data"));
  for (const model of models) {
    const args = ["train", ...toyOptions(model, "data"), ...EPOCHS, "--runs_dir", `whole-${model}`];
    const { status, stderr } = await runCli(args, { cwd: folder });
    expect(status, stderr).toBe(0);
  }
}, 120_000);
afterAll(() => rm(folder, { recursive: true }));

/** Resolves when the run has printed `count` lines about steps, or has ended. */
function stepsPrinted({ process: child, result }: CliRun, count: number): Promise<unknown> {
  const printed = new Promise<void>((resolve) => {
    let seen = 0;
    child.stderr?.on("data", (chunk: Buffer) => {
      seen += chunk.toString().match(/^epoch/gm)?.length ?? 0;
      if (seen >= count) resolve();
    });
  });
  return Promise.race([printed, result]);
}

async function expectSameEnd(runsDir: string, model: (typeof models)[number]) {
  const [got, expected] = await Promise.all(
    [runsDir, `whole-${model}`].map((runs) => loadCheckpoint(join(folder, runs, "toy/checkpoints", LAST))),
  );
  expect(got?.record.position).toEqual(expected?.record.position);
  expect([...got!.state.keys()]).toEqual([...expected!.state.keys()]);
  for (const [name, tensor] of expected!.state) expect(got!.state.get(name), name).toEqual(tensor);
  const steps = await stepsLogged(runsDir);
  expect(steps).toEqual(await stepsLogged(`whole-${model}`));
}

async function stepsLogged(runsDir: string): Promise<unknown[]> {
  const lines = (await readFile(join(folder, runsDir, "toy/metrics.jsonl"), "utf8")).trim().split("\n");
  return lines.map((line) => {
    const { step, epoch, losses, learning_rate } = JSON.parse(line);
    return { step, epoch, losses, learning_rate };
  });
}

describe("a whole run", () => {
  it.each(models)("of %s leaves every file that it should", async (model) => {
    const path = join(folder, `whole-${model}/toy`);
    const names = (await readdir(path)).map((name) => name.replace(/^events\..*/, "events"));
    expect(names.sort()).toEqual([
      ...["checkpoints", "config.json", "events", "latest", "metrics.jsonl", "samples"],
    ]);
    expect(await readFile(join(path, "latest"), "utf8")).toBe(`${LAST}\n`);
    expect(await stepsLogged(`whole-${model}`)).toHaveLength(56);
    const networks = model === "pix2pix" ? ["net_D", "net_G"] : ["net_D_A", "net_D_B", "net_G_A", "net_G_B"];
    const files = [...networks, "optimizer", "pool"].map((name) => `${name}.safetensors`);
    expect((await readdir(join(path, "checkpoints", LAST))).sort()).toEqual([...files, "state.json"]);
  });
});

describe.each([
  ["pix2pix", 10],
  ["cycle_gan", 5],
] as const)("kill -9 of %s at %i random moments", (model, times) => {
  it("changes no bit of what the run ends with", { timeout: 240_000 }, async () => {
    const runs = `killed-${model}`;
    const draw = new RandomStream(Date.now(), "moments of death");
    const first = ["train", ...toyOptions(model, "data"), ...EPOCHS, "--runs_dir", runs];
    const again = ["train", "--continue_train", "--name", "toy", "--runs_dir", runs];
    let args = first;
    let kills = 0;
    while (kills < times) {
      const run = startCli(args, { cwd: folder });
      await stepsPrinted(run, draw.int(14));
      await new Promise((resolve) => setTimeout(resolve, draw.int(40)));
      run.process.kill("SIGKILL");
      const { signal, stderr } = await run.result;
      if (signal !== "SIGKILL") expect(stderr).not.toMatch(/^E_/m);
      kills++;
      const begun = await readFile(join(folder, runs, "toy/config.json")).catch(() => undefined);
      args = begun === undefined ? first : again;
      const names = await wholeCheckpoints(join(folder, runs, "toy/checkpoints"));
      const all = await readdir(join(folder, runs, "toy/checkpoints")).catch(() => []);
      expect(all.filter((name) => /^step-\d+$/.test(name)).sort()).toEqual(names);
    }
    const { status, stderr } = await runCli(args, { cwd: folder });
    expect(status, stderr).toBe(0);
    await expectSameEnd(runs, model);
    const left = await readdir(join(folder, runs, "toy/checkpoints"));
    expect(left.filter((name) => !/^step-\d+$/.test(name))).toEqual([]);
  });
});

describe.each([
  ["SIGINT", 130, "cycle_gan"],
  ["SIGTERM", 143, "pix2pix"],
] as const)("%s", (signal, expected, model) => {
  it(`finishes the step, saves, prints how to continue, and ends with ${expected}`, async () => {
    const runs = `${signal} runs`;
    const args = ["train", ...toyOptions(model, "data"), ...EPOCHS, "--runs_dir", runs];
    const run = startCli(args, { cwd: folder });
    await stepsPrinted(run, 12);
    run.process.kill(signal);
    const { status, stdout, stderr } = await run.result;
    expect(status, stderr).toBe(expected);
    const [, step = ""] = /^stopped after step (\d+); continue with: /.exec(stdout) ?? [];
    expect(Number(step)).toBeGreaterThanOrEqual(12);
    const name = `step-${step.padStart(8, "0")}`;
    expect(await readFile(join(folder, runs, "toy/latest"), "utf8")).toBe(`${name}\n`);

    const command = stdout.trim().split("continue with: pixcycle ")[1];
    expect(command).toBe(`train --continue_train --name toy --runs_dir '${runs}'`);
    const resumed = await runCli(["train", "--continue_train", "--name", "toy", "--runs_dir", runs], {
      cwd: folder,
    });
    expect(resumed.status, resumed.stderr).toBe(0);
    expect(resumed.stderr).toContain(`continuing from ${runs}/toy/checkpoints/${name}`);
    await expectSameEnd(runs, model);
  });

  it("twice at once, as timeout and npx pass a signal on, is one request", async () => {
    const runs = `twice-${signal}`;
    await cp(join(folder, "whole-pix2pix"), join(folder, runs), { recursive: true });
    const more = ["--n_epochs_decay", "2000"];
    const args = ["train", "--continue_train", "--name", "toy", "--runs_dir", runs, ...more];
    const run = startCli(args, { cwd: folder });
    await stepsPrinted(run, 2);
    run.process.kill(signal);
    run.process.kill(signal);
    const { status, stdout, stderr } = await run.result;
    expect(status, stderr).toBe(expected);
    expect(stdout).toMatch(/^stopped after step \d+; continue with: /);
    expect(await wholeCheckpoints(join(folder, runs, "toy/checkpoints"))).toContain(LAST);
  });
});

/** Resolves when the run has written a text to stderr, or has ended. */
function said({ process: child, result }: CliRun, text: string): Promise<unknown> {
  const written = new Promise<void>((resolve) => {
    let all = "";
    child.stderr?.on("data", (chunk: Buffer) => {
      all += chunk.toString();
      if (all.includes(text)) resolve();
    });
  });
  return Promise.race([written, result]);
}

it("SIGTERM again a second later ends at once, in the midst of a step", async () => {
  // A step takes several seconds, and the next image is there when one ends.
  const large = ["--netG", "resnet_9blocks", "--ngf", "64", "--load_size", "256", "--crop_size", "256"];
  const args = ["train", ...toyOptions("pix2pix", "data"), ...large, "--threads", "1"];
  const run = startCli([...args, "--runs_dir", "late"], { cwd: folder });
  await stepsPrinted(run, 1);
  run.process.kill("SIGTERM");
  await said(run, "finishing this step and saving");
  await new Promise((resolve) => setTimeout(resolve, 1100));
  run.process.kill("SIGTERM");
  const result = await run.result;
  // What a shell calls status 143.
  expect(result).toMatchObject({ status: null, signal: "SIGTERM", stdout: "" });
  expect(result.stderr.trim().split("\n").at(-1)).toBe(
    "SIGTERM: finishing this step and saving; once more ends at once",
  );
});

describe("a reader of the output that goes away", () => {
  it("does not end the training", async () => {
    const short = ["--n_epochs", "2", "--n_epochs_decay", "0", "--runs_dir", "unread"];
    const run = startCli(["train", ...toyOptions("pix2pix", "data"), ...short], { cwd: folder });
    await stepsPrinted(run, 1);
    run.process.stdout?.destroy();
    run.process.stderr?.destroy();
    expect((await run.result).status).toBe(0);
    expect(await wholeCheckpoints(join(folder, "unread/toy/checkpoints"))).toContain("step-00000014");
  });
});
