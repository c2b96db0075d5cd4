import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { FloatTensor } from "../../src/formats/tensor.js";
import { loadCheckpoint } from "../../src/training/checkpoint.js";
import { nodeServices } from "../../src/training/node.js";
import { resolveTraining, runSession, type TrainingServices } from "../../src/training/session.js";
import { runCli } from "../cli/run-cli.js";
import { makeToyData } from "../cli/toy-data.js";
import { temporaryFolder } from "../data/files.js";

/** The guard against losses that are not numbers, with real networks on the real runtime. */
const folder = temporaryFolder("divergence");
const runs_dir = join(folder, "runs");
beforeAll(() => makeToyData(join(folder, "data"), 4));

const tiny = (name: string, given: Record<string, unknown> = {}) => ({
  ...{ model: "pix2pix", dataroot: join(folder, "data"), runs_dir, name, threads: 1, num_threads: 0 },
  ...{ netG: "resnet_6blocks", ngf: 2, netD: "pixel", ndf: 2, load_size: 18, crop_size: 16 },
  // A step's loss is then of the weights before it, whatever its rate.
  update_order: "together",
  ...{ n_epochs: 3, n_epochs_decay: 0, save_latest_freq: 2, save_epoch_freq: 100 },
  ...given,
});

/** Real services, but the input of a step holds a NaN the first time that it is reached. */
function withBadBatch(at: number): TrainingServices {
  let taken = 0;
  return {
    ...nodeServices,
    openData: async (options) => {
      const data = await nodeServices.openData(options);
      return {
        ...data,
        close: () => data.close(),
        batches: async function* (epoch, startBatch) {
          for await (const batch of data.batches(epoch, startBatch)) {
            if (++taken === at) batch.real_A.data[5] = Number.NaN;
            yield batch;
          }
        },
      };
    },
  };
}

async function train(flags: Record<string, unknown>, services: TrainingServices = nodeServices) {
  const notices: string[] = [];
  const rates: number[] = [];
  const result = await runSession(await resolveTraining({ flags }), services, {
    hooks: {
      onNotice: (line) => notices.push(line),
      onStep: ({ learningRate }) => rates.push(learningRate),
    },
  });
  return { result, notices, rates };
}

const read = (name: string, file: string) => readFile(join(runs_dir, name, file), "utf8");
const checkpoint = (name: string, step: number) =>
  loadCheckpoint(join(runs_dir, name, `checkpoints/step-${String(step).padStart(8, "0")}`));

async function expectFinite(name: string, step: number): Promise<void> {
  const { state } = await checkpoint(name, step);
  expect([...state.keys()].filter((key) => key.startsWith("net_G/")).length).toBeGreaterThan(10);
  for (const [key, { data }] of state) {
    const numbers = data as unknown as FloatTensor["data"];
    expect(
      Array.prototype.every.call(numbers, (n: number | bigint) => Number.isFinite(Number(n))),
      key,
    ).toBe(true);
  }
}

describe("a NaN in real networks", () => {
  it("is undone: the training goes on as one that had half the rate from that checkpoint on", async () => {
    const { result, notices, rates } = await train(tiny("bad-batch"), withBadBatch(8));
    expect(result).toMatchObject({ finished: true, position: { step: 12 } });
    expect(result.position.recovery).toEqual({ failedStep: 8, fromStep: 6, rateFactor: 0.5 });
    const [line, ...others] = notices.filter((notice) => notice.includes("half the rate"));
    expect(line).toMatch(
      /^The loss \w+ became NaN at step 8\. Back to the checkpoint of step 6, and on at half the rate\.$/,
    );
    expect(others).toEqual([]);
    expect(rates).toEqual([...new Array(7).fill(0.0002), ...new Array(6).fill(0.0001)]);

    await train(tiny("halved", { max_steps: 6 }));
    await train({ name: "halved", runs_dir, continue_train: true, max_steps: 0, lr: 0.0001 });
    const halved = await checkpoint("halved", 12);
    const recovered = await checkpoint("bad-batch", 12);
    expect(recovered.state).toEqual(halved.state);
  });
});

describe("the rate that a continued training is given", () => {
  it("is the one that is halved, not that of the checkpoint's own training", async () => {
    await train(tiny("rates", { max_steps: 6 }));
    const { rates } = await train(
      { name: "rates", runs_dir, continue_train: true, max_steps: 9, lr: 0.0004 },
      withBadBatch(2),
    );
    expect(rates).toEqual([0.0004, 0.0002, 0.0002, 0.0002]);
  });
});

describe("an absurd learning rate", () => {
  const again = (name: string, ...more: string[]) =>
    runCli(["train", "--continue_train", "--name", name, "--runs_dir", runs_dir, ...more]);

  it("ends the training after the second failure, and the good checkpoint can be continued from", async () => {
    await train(tiny("absurd", { max_steps: 6 }));
    const { status, stderr } = await again("absurd", "--max_steps", "0", "--lr", "1e30");
    expect(status, stderr).toBe(1);
    expect(stderr).toMatch(
      /The loss \w+ became \S+ at step 8\. Back to the checkpoint of step 6, and on at half the rate\./,
    );
    expect(stderr.trim().split("\n").at(-1)).toMatch(
      /^E_DIVERGED: The loss \w+ became \S+ at step 8\. Half the rate did not help\. Step 6 is good: continue with --continue_train and a lower --lr\.$/,
    );
    expect(await read("absurd", "latest")).toBe("step-00000006\n");
    const kept = await readdir(join(runs_dir, "absurd/checkpoints"));
    expect(kept.sort()).toEqual(["step-00000004", "step-00000006"]);
    for (const name of kept) await expectFinite("absurd", Number(name.slice("step-".length)));

    const continued = { name: "absurd", runs_dir, continue_train: true, lr: 0.0001 };
    const { result } = await train(continued);
    expect(result).toMatchObject({ finished: true, position: { step: 12 } });
    await expectFinite("absurd", 12);
  });

  it("that spoils the weights with the last step leaves no checkpoint of them", async () => {
    await train(tiny("last", { max_steps: 6 }));
    const { status, stderr } = await again("last", "--max_steps", "7", "--lr", "1e300");
    expect(status, stderr).toBe(1);
    expect(stderr).toContain(
      "The weights are not numbers after step 7. Back to the checkpoint of step 6, and on",
    );
    expect(stderr.trim().split("\n").at(-1)).toMatch(
      /^E_DIVERGED: The weights are not numbers after step 7\. Half the rate did not help\. Step 6 is good: /,
    );
    expect(await read("last", "latest")).toBe("step-00000006\n");
    expect((await readdir(join(runs_dir, "last/checkpoints"))).sort().at(-1)).toBe("step-00000006");
    await expectFinite("last", 6);
  });

  it("from the start ends with the advice to begin again", async () => {
    const diverged = (failedStep: number, hint: string) => ({
      code: "E_DIVERGED",
      message: expect.stringMatching(`^The loss \\w+ became \\S+ at step ${failedStep}\\.$`),
      hint: expect.stringContaining(hint),
    });
    const once = train(tiny("never", { lr: 1e30, update_order: "D_first" }));
    await expect(once).rejects.toMatchObject(diverged(1, "there is no good checkpoint."));
    const huge = train(tiny("huge", { lr: 1e30, save_latest_freq: 1 }));
    await expect(huge).rejects.toMatchObject(diverged(2, "Step 1 may be good: "));
  });
});
