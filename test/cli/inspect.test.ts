import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { loadCheckpoint, saveCheckpoint } from "../../src/training/checkpoint.js";
import { runFolder, writeBest } from "../../src/training/run-folder.js";
import { temporaryFolder } from "../data/files.js";
import { randomGenerator, writeRun, writeWeights } from "../translation/models.js";
import { runCli } from "./run-cli.js";

const cwd = temporaryFolder("cli-inspect");

beforeAll(async () => {
  await writeRun(join(cwd, "runs"), "horses", { model: "cycle_gan" }, [5, 10]);
  await writeRun(join(cwd, "runs"), "pairs");
  await writeWeights(join(cwd, "zebra.safetensors"), randomGenerator());
});

describe("pixcycle inspect", () => {
  it("tells of a run's networks, checkpoint, history and options", async () => {
    const { status, stdout } = await runCli(["inspect", "horses"], { cwd });
    expect(status).toBe(0);
    const lines = stdout.trimEnd().split("\n");
    expect(lines[0]).toBe("run horses: cycle_gan");
    for (const name of ["net_G_A", "net_G_B"]) {
      expect(stdout).toMatch(
        new RegExp(`^${name} +unet_64, ngf 2, norm instance, 3 → 3 channels, [\\d,]+ parameters$`, "m"),
      );
    }
    expect(stdout).toMatch(
      /^net_D_A +basic discriminator, ndf 2, norm instance, 3 layers, 3 channels, [\d,]+ parameters$/m,
    );
    expect(stdout).toMatch(/^checkpoint +\S+step-00000010: step 10, in epoch 3, by pixcycle [\d.]+$/m);
    expect(stdout).toMatch(/^files +\d+, [\d.]+ MiB, all whole$/m);
    expect(stdout).toMatch(/^checkpoints +step-00000005, step-00000010$/m);
    expect(stdout).toMatch(/^history +10 steps, 2 epochs, 3 s of training$/m);
    expect(stdout).toMatch(/^last losses +G_L1 1\.500$/m);
    expect(stdout).toMatch(/^ +netG unet_64 \(flag\)$/m);
    expect(stdout).toContain("the others are those of torch-cyclegan");
  });

  it("gives everything in JSON", async () => {
    const inspection = JSON.parse((await runCli(["inspect", "runs/pairs", "--json"], { cwd })).stdout);
    expect(inspection).toMatchObject({
      kind: "run",
      name: "pairs",
      options: { model: "pix2pix", lambda_L1: 100 },
      origins: { netG: "flag", lambda_L1: "preset" },
      run: { history: { steps: 10, seconds: 3, losses: { G_L1: 1.5 } } },
    });
    const [net_G] = inspection.networks;
    expect(net_G).toMatchObject({ name: "net_G", architecture: { netG: "unet_64", inputChannels: 3 } });
  });

  it("tells of weight files, and of what is no network", async () => {
    const { stdout } = await runCli(["inspect", "zebra.safetensors"], { cwd });
    expect(stdout).toMatch(/^weights zebra\nnet_G +resnet_6blocks, ngf 4, norm instance, 3 → 3 channels/);
    await writeWeights(
      join(cwd, "other.safetensors"),
      new Map([["x", { dtype: "F32", shape: [1], data: new Float32Array(1) }]]),
    );
    const other = await runCli(["inspect", "other.safetensors"], { cwd });
    expect(other.status).toBe(1);
    expect(other.stdout).toMatch(/net_G +E_CHECKPOINT_MISMATCH: other\.safetensors cannot be recognised/);
  });

  it("names damaged files of a checkpoint and ends with status 1", async () => {
    const path = await writeRun(join(cwd, "runs"), "damaged");
    await truncate(join(path, "checkpoints/step-00000010/net_D.safetensors"), 100);
    const { status, stdout } = await runCli(["inspect", "damaged"], { cwd });
    expect(status).toBe(1);
    expect(stdout).toMatch(/^net_D +E_CHECKPOINT_CORRUPT: .*has 100 bytes/m);
    expect(stdout).toMatch(/^files +\d+, .*, 1 damaged$/m);
    expect(stdout).toMatch(/^net_G +unet_64/m);
  });

  it("shows the best checkpoint, and where the training was taken back", async () => {
    const path = await writeRun(join(cwd, "runs"), "measured", {}, [5, 10]);
    const folder = runFolder({ runs_dir: join(cwd, "runs"), name: "measured" });
    const { record, state } = await loadCheckpoint(join(path, "checkpoints/step-00000010"));
    const position = {
      ...record.position,
      validation: { best: 0.0625, bestStep: 5, worse: 1 },
      recovery: { failedStep: 8, fromStep: 5, rateFactor: 0.5 },
    };
    await saveCheckpoint(folder.checkpoints, state, { ...record, position });
    await writeBest(folder, 5);
    await writeFile(folder.metrics, `${JSON.stringify({ step: 1, epoch: 1, seconds: 100 })}\n`);

    const { stdout } = await runCli(["inspect", "measured"], { cwd });
    expect(stdout).toMatch(/^checkpoints +step-00000005 \(best\), step-00000010$/m);
    expect(stdout).toMatch(/^best so far +0\.06250 at step 5, 1 validation ago$/m);
    expect(stdout).toMatch(/^taken back +from step 8 to 5, and on at 0\.5 of the rate$/m);
    expect(stdout).toMatch(/^history +1 step, 1 epoch, 2 min of training$/m);
    const inspection = JSON.parse((await runCli(["inspect", "measured", "--json"], { cwd })).stdout);
    expect(inspection).toMatchObject({
      checkpoint: { validation: position.validation, recovery: position.recovery },
      run: { best: "step-00000005" },
    });
  });

  it("reads its options from --config too", async () => {
    await writeFile(join(cwd, "elsewhere.json"), JSON.stringify({ runs_dir: "runs", epoch: "step-5" }));
    await writeFile(join(cwd, "nowhere.json"), JSON.stringify({ runs_dir: "nowhere" }));
    const found = await runCli(["inspect", "horses", "--config", "elsewhere.json"], { cwd });
    expect(found.stdout).toMatch(/^checkpoint .*step-00000005: step 5/m);
    const missing = await runCli(["inspect", "horses", "--config", "nowhere.json"], { cwd });
    expect(missing.stderr).toContain("no run of this name in nowhere");
  });
});
