import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readTensorFile } from "../../src/formats/tensor-file.js";
import {
  loadCheckpoint,
  readRecord,
  saveCheckpoint,
  wholeCheckpoints,
} from "../../src/training/checkpoint.js";
import { startPosition } from "../../src/training/position.js";
import { resolveTraining, runSession } from "../../src/training/session.js";
import { FakeRunner, fakeOptions, fakeServices } from "./fake-runner.js";

let folder: string;
let checkpoints: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "pixcycle-"));
  checkpoints = join(folder, "toy/checkpoints");
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** A finished run of 12 steps with checkpoints of steps 3, 9 and 12; 9 and 12 are passing ones. */
async function trainedRun(given = {}) {
  const options = { n_epochs: 4, n_epochs_decay: 0, save_epoch_freq: 3, save_latest_freq: 4, ...given };
  await runSession(fakeOptions(folder, options), fakeServices(3));
}

async function resume(given: Record<string, unknown> = {}) {
  const flags = { name: "toy", runs_dir: folder, continue_train: true, n_epochs: 5, ...given };
  return runSession(await resolveTraining({ flags }), fakeServices(3));
}

async function flipByte(path: string, at: number) {
  const bytes = await readFile(path);
  bytes[at] = bytes[at]! ^ 1;
  await writeFile(path, bytes);
}

describe("a checkpoint", () => {
  it("holds plain safetensors with the reference's names, and a record of them", async () => {
    await trainedRun();
    const path = join(checkpoints, "step-00000012");
    expect((await readdir(path)).sort()).toEqual([
      ...["net_G.safetensors", "optimizer.safetensors", "pool.safetensors", "state.json"],
    ]);
    const { tensors } = await readTensorFile(join(path, "net_G.safetensors"));
    expect([...tensors.keys()]).toEqual(["model.weight"]);
    const record = await readRecord(path);
    expect(record).toMatchObject({
      ...{ format: "pixcycle checkpoint", version: 1, kept: false },
      position: { epoch: 5, batch: 0, step: 12, batchesPerEpoch: 3 },
      options: { model: "pix2pix" },
    });
    expect(record.files["net_G.safetensors"]?.sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it("gives back the state that was saved", async () => {
    const runner = new FakeRunner(3);
    const state = await runner.saveState();
    const { options } = fakeOptions(folder);
    const about = { kept: true, position: startPosition(options, 5), options };
    const loaded = await loadCheckpoint(await saveCheckpoint(folder, state, about));
    expect(new Map([...loaded.state].sort())).toEqual(new Map([...state].sort()));
    expect(loaded.record).toMatchObject(about);
  });
});

describe("a damaged checkpoint", () => {
  it("is found with any byte of any file changed", async () => {
    await trainedRun();
    const path = join(checkpoints, "step-00000012");
    for (const file of await readdir(path)) {
      const original = await readFile(join(path, file));
      const stride = Math.ceil(original.length / 40);
      for (let at = 0; at < original.length; at += stride) {
        await flipByte(join(path, file), at);
        await expect(loadCheckpoint(path), `${file} byte ${at}`).rejects.toMatchObject({
          code: "E_CHECKPOINT_CORRUPT",
        });
        await writeFile(join(path, file), original);
      }
    }
    await expect(loadCheckpoint(path)).resolves.toBeDefined();
  });

  it("is refused with the file's name and the whole ones, and they can be continued from", async () => {
    await trainedRun();
    await truncate(join(checkpoints, "step-00000012/optimizer.safetensors"), 100);
    const error = await resume().catch((thrown: unknown) => thrown);
    expect(String((error as { toLine(): string }).toLine())).toMatch(
      /^E_CHECKPOINT_CORRUPT: \S*step-00000012\/optimizer.safetensors has 100 bytes, \d+ were written\. Whole: step-00000008, step-00000009\. Continue with --continue_train --epoch step-00000009\.$/,
    );
    expect((await resume({ epoch: "step-00000009" })).position.step).toBe(15);
    expect(await wholeCheckpoints(checkpoints)).toContain("step-00000012");
  });

  it("is refused with a file missing, and when none is whole says so", async () => {
    await trainedRun({ max_steps: 1 });
    await rm(join(checkpoints, "step-00000001/net_G.safetensors"));
    await expect(resume()).rejects.toMatchObject({
      code: "E_CHECKPOINT_CORRUPT",
      hint: expect.stringContaining("no whole checkpoint"),
    });
  });
});

describe("a checkpoint that cannot be used", () => {
  it("of another architecture is refused with the differences", async () => {
    await trainedRun();
    await expect(resume({ ngf: 8, norm: "instance" })).rejects.toMatchObject({
      code: "E_CHECKPOINT_MISMATCH",
      message: expect.stringContaining("it has ngf 64, norm batch, the options say ngf 8, norm instance"),
    });
  });

  it("of an epoch or step that is not there is refused with a list", async () => {
    await trainedRun();
    await expect(resume({ epoch: "2" })).rejects.toMatchObject({
      code: "E_CHECKPOINT_MISSING",
      hint: expect.stringContaining("step-00000008, step-00000009, step-00000012"),
    });
    await expect(resume({ epoch: "step-77" })).rejects.toMatchObject({ code: "E_CHECKPOINT_MISSING" });
    await rm(join(checkpoints, "step-00000012"), { recursive: true });
    await expect(resume()).rejects.toMatchObject({ code: "E_CHECKPOINT_MISSING" });
  });
});
