import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { PixcycleError } from "../../src/errors.js";
import { resolveTraining, resumeCommand, runSession } from "../../src/training/session.js";
import { fakeOptions, fakeServices } from "./fake-runner.js";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "pixcycle-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const run = (given = {}, services = fakeServices(3)) => runSession(fakeOptions(folder, given), services);

describe("a run's folder", () => {
  it("records the options and where each came from", async () => {
    await run({ max_steps: 1 });
    const config = JSON.parse(await readFile(join(folder, "toy/config.json"), "utf8"));
    expect(config).toMatchObject({
      format: "pixcycle run",
      options: { model: "pix2pix", netG: "unet_256", max_steps: 1, seed: 0 },
      origins: { model: "flag", netG: "preset", seed: "default" },
    });
    const names = (await readdir(join(folder, "toy"))).map((name) => name.replace(/^events\..*/, "events"));
    expect(names.sort()).toEqual([
      ...["checkpoints", "config.json", "events", "latest", "metrics.jsonl", "samples"],
    ]);
  });

  it("is not overwritten unless asked to", async () => {
    await run({ max_steps: 2 });
    await expect(run({ max_steps: 1 })).rejects.toMatchObject({ code: "E_OPTION_CONFLICT" });
    await writeFile(join(folder, "toy/notes.txt"), "mine");
    await run({ max_steps: 1, overwrite: true });
    expect(await readdir(join(folder, "toy/checkpoints"))).toEqual(["step-00000001"]);
    expect(await readFile(join(folder, "toy/notes.txt"), "utf8")).toBe("mine");
    expect((await readFile(join(folder, "toy/metrics.jsonl"), "utf8")).trim().split("\n")).toHaveLength(1);
    const events = (await readdir(join(folder, "toy"))).filter((name) => name.startsWith("events."));
    expect(events).toHaveLength(1);
  });

  it("stays as it was when its replacement cannot begin", async () => {
    await run({ max_steps: 2 });
    const services = fakeServices(3);
    services.createRunner = async () => {
      throw new PixcycleError("E_RUNTIME", "no.");
    };
    await expect(run({ overwrite: true }, services)).rejects.toMatchObject({ code: "E_RUNTIME" });
    expect(await readFile(join(folder, "toy/latest"), "utf8")).toBe("step-00000002\n");
    expect(await readdir(join(folder, "toy/checkpoints"))).toEqual(["step-00000002"]);
  });

  it("cannot be continued when it is not there", async () => {
    const flags = { name: "toy", runs_dir: folder, continue_train: true };
    await expect(resolveTraining({ flags })).rejects.toMatchObject({ code: "E_CHECKPOINT_MISSING" });
  });

  it("that cannot be written is found before the data is opened", async () => {
    await writeFile(join(folder, "file"), "");
    const services = fakeServices(3);
    let opened = false;
    services.openData = async () => {
      opened = true;
      throw new Error("opened");
    };
    await expect(run({ runs_dir: join(folder, "file") }, services)).rejects.toMatchObject({
      code: "E_FILE_WRITE",
    });
    expect(opened).toBe(false);
  });

  it("needs a data set", async () => {
    await expect(resolveTraining({ flags: { model: "pix2pix" } })).rejects.toMatchObject({
      code: "E_OPTION",
      hint: "Give its folder with --dataroot.",
    });
  });

  it("says how to continue it", () => {
    expect(resumeCommand(fakeOptions("runs").options)).toBe("pixcycle train --continue_train --name toy");
    expect(resumeCommand(fakeOptions("my runs").options)).toBe(
      "pixcycle train --continue_train --name toy --runs_dir 'my runs'",
    );
  });
});

describe("a failure in the middle", () => {
  it("that is a loss without a number names the loss and the last checkpoint", async () => {
    const services = fakeServices(3, (runner) => {
      runner.lossAt = (step, loss) => (step === 5 ? Number.NaN : loss);
    });
    await expect(run({ save_latest_freq: 2 }, services)).rejects.toMatchObject({
      code: "E_DIVERGED",
      message: "The loss G_L1 became NaN at step 5.",
      // It failed in the very next step, twice.
      hint: expect.stringMatching(/Step 4 may be good: .* if that fails, add --epoch step-2\.$/),
    });
    expect(await readFile(join(folder, "toy/latest"), "utf8")).toBe("step-00000004\n");
  });

  it("of writing a checkpoint keeps the earlier ones and says so", async () => {
    const services = fakeServices(3, (runner) => {
      runner.beforeStep = async (step) => {
        if (step !== 4) return;
        // A file where the checkpoint's folder has to go, which renaming cannot replace.
        await rm(join(folder, "toy/checkpoints"), { recursive: true });
        await writeFile(join(folder, "toy/checkpoints"), "");
      };
    });
    await mkdir(join(folder, "toy"), { recursive: true });
    await expect(run({ save_latest_freq: 2 }, services)).rejects.toMatchObject({
      code: "E_FILE_WRITE",
      hint: expect.stringContaining("The newest whole checkpoint is of step 2"),
    });
  });

  it("closes the model", async () => {
    const services = fakeServices(0);
    await expect(run({}, services)).rejects.toMatchObject({ code: "E_DATA_EMPTY" });
    expect(services.runner.closed).toBe(true);
  });
});
