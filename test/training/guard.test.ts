import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadCheckpoint, saveCheckpoint } from "../../src/training/checkpoint.js";
import { resolveTraining, runSession } from "../../src/training/session.js";
import { type FakeRunner, fakeOptions, fakeServices } from "./fake-runner.js";

const BATCHES = 5;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "pixcycle-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

interface Arrangement {
  readonly given?: Record<string, unknown>;
  readonly prepare?: (runner: FakeRunner) => void;
  /** What the validations measure, one after the other. */
  readonly distances?: number[];
  readonly stopAfter?: number;
  readonly resume?: boolean;
  /** Where the lines that the training says go. */
  readonly notices?: string[];
  readonly onCheckpoint?: (event: { step: number }) => void;
}

async function train({
  given = {},
  prepare,
  distances,
  stopAfter,
  resume = false,
  notices = [],
  onCheckpoint,
}: Arrangement) {
  const services = fakeServices(BATCHES, prepare);
  if (distances !== undefined) {
    services.openValidation = async () => async () => distances.shift() ?? 9;
  }
  const abort = new AbortController();
  const rates: number[] = [];
  const resolved = resume
    ? await resolveTraining({ flags: { name: "toy", runs_dir: folder, continue_train: true, ...given } })
    : fakeOptions(folder, { save_latest_freq: 3, ...given });
  const result = await runSession(resolved, services, {
    signal: abort.signal,
    hooks: {
      onNotice: (line) => notices.push(line),
      ...(onCheckpoint && { onCheckpoint }),
      onStep: ({ step, learningRate }) => {
        rates.push(learningRate);
        if (step === stopAfter) abort.abort();
      },
    },
  });
  return { result, notices, rates };
}

const read = (name: string) => readFile(join(folder, "toy", name), "utf8");
const checkpoints = () => readdir(join(folder, "toy/checkpoints"));
const finalState = () => loadCheckpoint(join(folder, "toy/checkpoints/step-00000020"));

/** A loss that is not a number the first time that a step is reached. */
function failOnce(at: number): (runner: FakeRunner) => void {
  let failed = false;
  return (runner) => {
    runner.lossAt = (step, loss) => {
      const fails = step === at && !failed;
      failed ||= fails;
      return fails ? Number.NaN : loss;
    };
  };
}

describe("a loss that is not a number", () => {
  it("takes the training back to the last good checkpoint, at half the rate, and says so", async () => {
    const { result, notices, rates } = await train({ prepare: failOnce(8) });
    expect(result).toMatchObject({ finished: true, position: { step: 20 } });
    const line =
      "The loss G_L1 became NaN at step 8. Back to the checkpoint of step 6, and on at half the rate.";
    expect(notices.filter((notice) => notice.startsWith("The loss"))).toEqual([line]);
    expect(rates.slice(5, 9)).toEqual([0.0002, 0.0002, 0.0001, 0.0001]);
    expect(result.position.recovery).toEqual({ failedStep: 8, fromStep: 6, rateFactor: 0.5 });
    const lines = (await read("metrics.jsonl")).trim().split("\n");
    const records = lines.map((text) => JSON.parse(text));
    const steps = records.filter(({ losses }) => losses !== undefined).map(({ step }) => step);
    expect(steps).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    expect(records.filter(({ notice }) => notice !== undefined)).toEqual([
      { step: 6, epoch: 2, notice: line },
    ]);
  });

  it("and an interruption afterwards lead to the same state as without it", async () => {
    await train({ prepare: failOnce(8) });
    const expected = await finalState();
    for (const stopAfter of [8, 10, 13]) {
      await rm(join(folder, "toy"), { recursive: true });
      await train({ prepare: failOnce(8), stopAfter });
      await train({ resume: true });
      const { state, record } = await finalState();
      expect(state).toEqual(expected.state);
      expect(record.position).toEqual(expected.record.position);
    }
  });

  it("ends the training the second time, and keeps the good checkpoint", async () => {
    const prepare = (runner: FakeRunner) => {
      runner.lossAt = (step, loss) => (step >= 8 ? Number.POSITIVE_INFINITY : loss);
    };
    await expect(train({ prepare })).rejects.toMatchObject({
      code: "E_DIVERGED",
      message: "The loss G_L1 became Infinity at step 8.",
      hint: "Half the rate did not help. Step 6 is good: continue with --continue_train and a lower --lr.",
    });
    expect(await read("latest")).toBe("step-00000006\n");
  });

  it("ends the training where there is no checkpoint yet", async () => {
    await expect(train({ prepare: failOnce(2) })).rejects.toMatchObject({
      code: "E_DIVERGED",
      hint: "Begin again with a lower --lr: there is no good checkpoint.",
    });
  });

  it("right after a checkpoint, twice, leaves it in doubt", async () => {
    const failing = (from: number) => ({
      prepare: (runner: FakeRunner) => {
        runner.lossAt = (step, loss) => (step >= from ? Number.NaN : loss);
      },
    });
    await expect(train(failing(7))).rejects.toMatchObject({
      code: "E_DIVERGED",
      hint:
        "Half the rate did not help. Step 6 may be good: continue with --continue_train and a lower --lr; " +
        "if that fails, add --epoch step-3.",
    });
    expect(await read("latest")).toBe("step-00000006\n");
    await rm(join(folder, "toy"), { recursive: true });
    await expect(train(failing(4))).rejects.toMatchObject({
      hint: expect.stringMatching(/^Half .* Step 3 may be good: .*; if that fails, begin again\.$/),
    });
  });

  it("goes past a checkpoint on the disk whose weights are spoilt, and removes it", async () => {
    await train({ given: { save_latest_freq: 3, max_steps: 6 } });
    const path = join(folder, "toy/checkpoints/step-00000006");
    const { state, record } = await loadCheckpoint(path);
    (state.get("net_G/model.weight")!.data as Float32Array)[1] = Number.NaN;
    await rm(path, { recursive: true });
    await saveCheckpoint(join(folder, "toy/checkpoints"), state, record);
    const prepare = (runner: FakeRunner) => {
      runner.lossAt = () => Number.NaN;
    };
    const notices: string[] = [];
    const continued = train({ resume: true, prepare, given: { max_steps: 9 }, notices });
    await expect(continued).rejects.toMatchObject({ code: "E_DIVERGED" });
    expect(notices.at(-1)).toBe(
      "The loss G_L1 became NaN at step 7. Back to the checkpoint of step 3, and on at half the rate.",
    );
    expect(await checkpoints()).toEqual(["step-00000003"]);
    expect(await read("latest")).toBe("step-00000003\n");
  });

  it("is not followed by a checkpoint of spoilt weights", async () => {
    const prepare = (runner: FakeRunner) => {
      failOnce(7)(runner);
      const save = runner.saveState.bind(runner);
      let saves = 0;
      runner.saveState = async () => {
        const state = await save();
        saves++;
        // The second checkpoint, of step 6.
        if (saves === 2) (state.get("net_G/model.weight")!.data as Float32Array)[1] = Number.NaN;
        return state;
      };
    };
    const saved: number[] = [];
    const onCheckpoint = ({ step }: { step: number }) => saved.push(step);
    const { notices } = await train({ prepare, given: { max_steps: 7 }, onCheckpoint });
    expect(notices.at(-1)).toContain("Back to the checkpoint of step 3,");
    expect(saved).toEqual([3, 6, 7]);
  });
});

describe("a training that goes wrong", () => {
  it("says what it looks like, once, and writes it down", async () => {
    const prepare = (runner: FakeRunner) => {
      runner.lossAt = (step) => (step <= 200 ? 1 : 4);
      const step = runner.step.bind(runner);
      // In the toy, the truth is the input.
      runner.step = async (batch, request) => {
        const { losses, visuals } = await step(batch, request);
        const inverted = Object.entries(visuals).map(([name, { shape, data }]) => [
          name,
          { shape, data: data.map((value) => -value) },
        ]);
        return { losses, visuals: Object.fromEntries(inverted) };
      };
    };
    const given = { n_epochs: 400, display_freq: 500, save_epoch_freq: 1000, save_latest_freq: 5000 };
    const { notices } = await train({ given, prepare });
    const signs = notices.filter((line) => line.startsWith("It looks as if"));
    // The toy's discriminator has losses below zero.
    expect(signs).toEqual([
      expect.stringContaining("the discriminator tells real from generated"),
      expect.stringContaining("the reconstruction losses rise instead of falling"),
      expect.stringContaining("the colours come out inverted"),
    ]);
    const lines = (await read("metrics.jsonl")).trim().split("\n");
    const written = lines.map((text) => JSON.parse(text)).filter(({ notice }) => notice !== undefined);
    expect(written.map(({ step, notice }) => [step, notice])).toEqual([
      [600, signs[0]],
      [800, signs[1]],
      [2000, signs[2]],
    ]);
  });
});

describe("validation", () => {
  it("keeps the best checkpoint, however many follow", async () => {
    const given = { val_freq: 1, save_epoch_freq: 100, save_latest_freq: 2 };
    const { result } = await train({ given, distances: [3, 1, 2, 4] });
    expect(result.position.validation).toEqual({ best: 1, bestStep: 10, worse: 2 });
    expect(await read("best")).toBe("step-00000010\n");
    expect((await checkpoints()).sort()).toEqual(["step-00000010", "step-00000018", "step-00000020"]);
    const again = await train({ resume: true, given: { epoch: "best", max_steps: 12 } });
    expect(again.notices).toContain(`continuing from ${join(folder, "toy/checkpoints/step-00000010")}`);
    expect(again.result.position.step).toBe(12);
  });

  it("measures every val_freq epochs", async () => {
    const distances = [3, 1, 2, 4];
    await train({ given: { val_freq: 2 }, distances });
    expect(distances).toEqual([2, 4]);
    expect(await read("best")).toBe("step-00000020\n");
  });

  it("stops early, for good", async () => {
    const given = { val_freq: 1, early_stop: 2 };
    const { result, notices } = await train({ given, distances: [1, 2, 3] });
    expect(result).toMatchObject({ finished: true, position: { step: 15 } });
    expect(notices.at(-1)).toBe(
      "stopped early: 2 validations were no better than 1.00 of step 5 (--epoch best)",
    );
    const again = await train({ resume: true });
    expect(again.result).toMatchObject({ finished: true, position: { step: 15 } });
    const more = await train({ resume: true, given: { early_stop: 0 } });
    expect(more.result.position.step).toBe(20);
  });

  it("reaches the same state with an interruption", async () => {
    const given = { val_freq: 1 };
    await train({ given, distances: [3, 1, 2, 4] });
    const expected = await finalState();
    for (const stopAfter of [5, 9, 10, 11]) {
      await rm(join(folder, "toy"), { recursive: true });
      const distances = [3, 1, 2, 4];
      await train({ given, distances, stopAfter });
      await train({ resume: true, distances });
      const { state, record } = await finalState();
      expect({ state, position: record.position }).toEqual({
        state: expected.state,
        position: expected.record.position,
      });
      expect(await read("best")).toBe("step-00000010\n");
    }
  });

  it("is needed for an early stop, and for --epoch best", async () => {
    expect(() => fakeOptions(folder, { early_stop: 3 })).toThrow("--early_stop counts validations");
    await train({});
    await expect(train({ resume: true, given: { epoch: "best" } })).rejects.toMatchObject({
      code: "E_CHECKPOINT_MISSING",
      message: expect.stringContaining("no best checkpoint"),
    });
  });
});
