import { cp, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadCheckpoint } from "../../src/training/checkpoint.js";
import type { TrainHooks } from "../../src/training/hooks.js";
import { resolveTraining, runSession } from "../../src/training/session.js";
import { fakeOptions, fakeServices } from "./fake-runner.js";

const BATCHES = 5;
const STEPS = 20;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "pixcycle-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function train(given = {}, controls: { stopAfter?: number; hooks?: TrainHooks } = {}) {
  const abort = new AbortController();
  const hooks: TrainHooks = {
    ...controls.hooks,
    onStep(event) {
      if (event.step === controls.stopAfter) abort.abort();
    },
  };
  const resolved = fakeOptions(folder, { save_epoch_freq: 2, save_latest_freq: 3, ...given });
  return runSession(resolved, fakeServices(BATCHES), { hooks, signal: abort.signal });
}

async function resume(given: Record<string, unknown> = {}) {
  const flags = { name: "toy", runs_dir: folder, continue_train: true, ...given };
  return runSession(await resolveTraining({ flags }), fakeServices(BATCHES));
}

/** Everything a run leaves that must not depend on interruptions. */
async function outcome() {
  const { record, state } = await loadCheckpoint(join(folder, "toy/checkpoints/step-00000020"));
  const lines = (await readFile(join(folder, "toy/metrics.jsonl"), "utf8")).trim().split("\n");
  const metrics = lines.map((line) => {
    const { step, epoch, learning_rate, losses } = JSON.parse(line);
    return { step, epoch, learning_rate, losses };
  });
  return { state, position: record.position, metrics };
}

describe("an interrupted training", () => {
  it("reaches the uninterrupted state exactly, from every step", async () => {
    await train();
    const expected = await outcome();
    expect(expected.metrics.map(({ step }) => step)).toEqual(Array.from({ length: STEPS }, (_, i) => i + 1));
    for (let stopAfter = 1; stopAfter < STEPS; stopAfter++) {
      await rm(join(folder, "toy"), { recursive: true });
      const first = await train({}, { stopAfter });
      expect(first).toMatchObject({ finished: false, position: { step: stopAfter } });
      const second = await resume();
      expect(second).toMatchObject({ finished: true, position: { step: STEPS } });
      expect(await outcome(), `after step ${stopAfter}`).toEqual(expected);
    }
  });

  it.each(["step", "plateau", "cosine"])("keeps the %s schedule", async (lr_policy) => {
    const given = { lr_policy, lr_decay_iters: 1, n_epochs: 4, n_epochs_decay: 0 };
    await train(given);
    const expected = await outcome();
    await rm(join(folder, "toy"), { recursive: true });
    await train(given, { stopAfter: 12 });
    await resume();
    expect(await outcome()).toEqual(expected);
  });

  it("killed without a word, continues from its last checkpoint", async () => {
    await train();
    const expected = await outcome();
    for (const crashAt of [1, 2, 3, 4, 8, 11, 19]) {
      await rm(join(folder, "toy"), { recursive: true });
      const services = fakeServices(BATCHES, (runner) => {
        runner.beforeStep = (step) => {
          if (step === crashAt) throw new Error("killed");
        };
      });
      const resolved = fakeOptions(folder, { save_epoch_freq: 2, save_latest_freq: 3 });
      await expect(runSession(resolved, services)).rejects.toThrow("killed");
      expect(services.runner.closed).toBe(true);
      await resume();
      expect(await outcome(), `killed in step ${crashAt}`).toEqual(expected);
    }
  });

  it("continues from an older checkpoint on request", async () => {
    await train();
    const expected = await outcome();
    await resume({ epoch: "2" });
    expect(await outcome()).toEqual(expected);
    await resume({ epoch: "step-18" });
    expect(await outcome()).toEqual(expected);
  });

  it("finished, has nothing left to do but trains on with more epochs", async () => {
    await train();
    const again = await resume();
    expect(again).toMatchObject({ finished: true, checkpoint: undefined, position: { step: STEPS } });
    const more = await resume({ n_epochs_decay: 3 });
    expect(more.position).toMatchObject({ step: STEPS + BATCHES, epoch: 6, batch: 0 });
  });

  it("begins the epoch again when the data set changed", async () => {
    await train({}, { stopAfter: 7 });
    const notices: string[] = [];
    const resolved = await resolveTraining({
      flags: { name: "toy", runs_dir: folder, continue_train: true },
    });
    const hooks = { onNotice: (line: string) => notices.push(line) };
    const result = await runSession(resolved, fakeServices(6), { hooks });
    expect(notices).toContain("the number of batches changed: epoch 2 begins again");
    expect(result.position.step).toBe(7 + 3 * 6);
  });

  it("can be moved to another folder", async () => {
    await train({}, { stopAfter: 7 });
    await cp(join(folder, "toy"), join(folder, "elsewhere/moved"), { recursive: true });
    const result = await resume({ name: "moved", runs_dir: join(folder, "elsewhere") });
    expect(result.checkpoint).toBe(join(folder, "elsewhere/moved/checkpoints/step-00000020"));
    expect(await readdir(join(folder, "toy/checkpoints"))).not.toContain("step-00000020");
  });
});

describe("checkpoints of a run", () => {
  it("keeps those of epochs and the last two others", async () => {
    const saved: [number, boolean][] = [];
    await train({}, { hooks: { onCheckpoint: ({ step, kept }) => saved.push([step, kept]) } });
    expect(saved).toEqual([
      ...[[3, false] as const, [6, false] as const, [9, false] as const, [10, true] as const],
      ...[[12, false] as const, [15, false] as const, [18, false] as const, [20, true] as const],
    ]);
    const names = await readdir(join(folder, "toy/checkpoints"));
    expect(names.sort()).toEqual(["step-00000010", "step-00000015", "step-00000018", "step-00000020"]);
    expect(await readFile(join(folder, "toy/latest"), "utf8")).toBe("step-00000020\n");
  });

  it("tells the events in order", async () => {
    const told: string[] = [];
    const hooks: TrainHooks = {
      onStart: ({ totalSteps }) => told.push(`start ${totalSteps}`),
      onEpochEnd: ({ epoch }) => told.push(`epoch ${epoch}`),
      onSample: ({ step }) => told.push(`sample ${step}`),
      onCheckpoint: ({ step }) => told.push(`checkpoint ${step}`),
    };
    await train({ max_steps: 7, display_freq: 4 }, { hooks });
    expect(told).toEqual(["start 7", "checkpoint 3", "sample 4", "epoch 1", "checkpoint 6", "checkpoint 7"]);
  });
});
