import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { generator, parameterCount } from "../../src/networks/registry.js";
import { encodeOnnxModel } from "../../src/onnx/model.js";
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

const inspection = async (path: string) =>
  JSON.parse((await runCli(["inspect", path, "--json"], { cwd })).stdout);

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
    const inspected = await inspection("runs/pairs");
    expect(inspected).toMatchObject({
      kind: "run",
      name: "pairs",
      options: { model: "pix2pix", lambda_L1: 100 },
      origins: { netG: "flag", lambda_L1: "preset" },
      run: { history: { steps: 10, seconds: 3, losses: { G_L1: 1.5 } } },
    });
    const [net_G] = inspected.networks;
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
    expect(await inspection("measured")).toMatchObject({
      checkpoint: { validation: position.validation, recovery: position.recovery },
      run: { best: "step-00000005" },
    });
  });

  it("tells of ONNX files, of pixcycle and of others", async () => {
    const exported = await runCli(["export", "zebra.safetensors", "--out", "zebra.onnx", "--fp16"], { cwd });
    expect(exported.status, exported.stderr).toBe(0);
    const { status, stdout } = await runCli(["inspect", "zebra.onnx"], { cwd });
    expect(status).toBe(0);
    const lines = stdout.trimEnd().split("\n");
    expect(lines[0]).toMatch(/^onnx zebra: generator, written by pixcycle [\d.]+$/);
    const parameters = parameterCount(
      generator(
        "net_G",
        { netG: "resnet_6blocks", ngf: 4, norm: "instance", no_dropout: true, upsample: "deconv" },
        3,
        3,
      ),
    ).toLocaleString("en");
    expect(lines[1]).toBe(
      `net_G       resnet_6blocks, ngf 4, norm instance, 3 → 3 channels, ${parameters} parameters`,
    );
    expect(lines.slice(2, 4)).toEqual([
      "input       image: float32 [batch, 3, height, width], values in [-1, 1]; sides are multiples of 4, at least 8",
      "output      result: float32 [batch, 3, height, width]",
    ]);
    expect(lines[4]).toMatch(/^weights {5}float16: [\d,]+ in \d+ tensors; .*\(the file: 0\.\d MB\)$/);
    expect(lines[5]).toMatch(/^operators {3}\d+, of ai\.onnx 17$/);
    expect(stdout).toMatch(/^ {12}norm_statistics of each image$/m);

    const foreign = {
      ...{ name: "torch-jit-export", nodes: [], initializers: [], inputs: [], outputs: [] },
      metadata: { features_size: "299" },
    };
    await writeFile(join(cwd, "features.onnx"), encodeOnnxModel(foreign));
    const other = await runCli(["inspect", "features.onnx"], { cwd });
    expect(other.stdout).toMatch(/^onnx features: not exported by pixcycle, /);
    expect(other.stdout).toMatch(/^metadata {4}features_size 299$/m);
    expect(await inspection("features.onnx")).toMatchObject({
      kind: "onnx",
      networks: [],
      onnx: { operators: 0 },
    });
  });

  it("says what an ONNX file is instead, and what it says wrongly", async () => {
    await writeFile(join(cwd, "page.onnx"), "<!DOCTYPE html>");
    const page = await runCli(["inspect", "page.onnx"], { cwd });
    expect([page.status, page.stderr]).toEqual([
      1,
      "E_FILE_FORMAT: page.onnx is not an ONNX model: it is a web page. The download failed; fetch the file again.\n",
    ]);
    expect((await runCli(["inspect", "none.onnx"], { cwd })).stderr).toMatch(/^E_FILE_MISSING: none\.onnx /);
    const future = {
      ...{ name: "net_G", nodes: [], initializers: [], inputs: [], outputs: [] },
      metadata: { kind: "generator", options: '{"kind":"generator","netG":"transformer"}' },
    };
    await writeFile(join(cwd, "future.onnx"), encodeOnnxModel(future));
    for (const command of [["inspect"], ["translate", "zebra.safetensors"]]) {
      const { status, stdout, stderr } = await runCli([command[0]!, "future.onnx", ...command.slice(1)], {
        cwd,
      });
      expect(status).toBe(1);
      expect(stdout + stderr).toContain("E_FILE_FORMAT: future.onnx says of itself what pixcycle");
    }
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
