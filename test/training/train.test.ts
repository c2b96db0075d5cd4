import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type OptionValues, type StepEvent, train } from "../../src/index.js";
import { makeToyData, writePicture } from "../cli/toy-data.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pixcycle-"));
  await makeToyData(join(folder, "data"), 3);
  await writePicture(join(folder, "data/val/0.png"), 40, 20);
});
afterAll(() => rm(folder, { recursive: true }));

function tiny(given: OptionValues): OptionValues {
  return {
    ...{ dataroot: join(folder, "data"), runs_dir: join(folder, "runs") },
    ...{ netG: "resnet_6blocks", ngf: 2, netD: "pixel", ndf: 2, num_threads: 0 },
    ...{ load_size: 18, crop_size: 16, n_epochs: 2, n_epochs_decay: 0, display_freq: 2 },
    ...given,
  };
}

describe("train", () => {
  it("trains, tells of every step and writes the run's folder", async () => {
    const steps: StepEvent[] = [];
    const report = await train(tiny({ model: "pix2pix", name: "a" }), {
      onStep: (event) => steps.push(event),
    });
    expect(report).toMatchObject({
      finished: true,
      folder: join(folder, "runs/a"),
      position: { step: 6, epoch: 3 },
    });
    expect(report.checkpoint).toBe(join(folder, "runs/a/checkpoints/step-00000006"));
    expect(steps.map(({ epoch, batch }) => [epoch, batch])).toEqual(
      [1, 2].flatMap((e) => [1, 2, 3].map((b) => [e, b])),
    );
    for (const { losses } of steps) {
      expect(Object.keys(losses).sort()).toEqual(["D_fake", "D_real", "G_GAN", "G_L1"]);
    }
  });

  it("writes sample grids of whole images, a row for each of the batch", async () => {
    await train(tiny({ model: "cycle_gan", name: "b", max_steps: 2, batch_size: 2 }));
    const samples = join(folder, "runs/b/samples");
    expect(await readdir(samples)).toEqual(["step-00000002.png"]);
    const { width, height } = await sharp(join(samples, "step-00000002.png")).metadata();
    // Eight columns (real, fake, rec, idt of both sides) of 16 pixels enlarged to 128, with gutters.
    expect(width).toBe(8 * (128 + 4) + 4);
    expect(height).toBeGreaterThanOrEqual(128 + 8);
    const [events] = (await readdir(join(folder, "runs/b"))).filter((name) => name.startsWith("events."));
    const logged = await readFile(join(folder, "runs/b", events!));
    for (const tag of ["loss/G_A", "loss/idt_B", "learning_rate", "samples"]) {
      expect(logged.includes(tag), tag).toBe(true);
    }
    expect(logged.includes(await readFile(join(samples, "step-00000002.png")))).toBe(true);
  });

  it("stops at a signal and continues", async () => {
    const abort = new AbortController();
    const options = tiny({ model: "pix2pix", name: "c" });
    const first = await train(options, { signal: abort.signal, onStep: () => abort.abort() });
    expect(first).toMatchObject({ finished: false, position: { step: 1 } });
    const { name, runs_dir } = options as { name: string; runs_dir: string };
    const notices: string[] = [];
    const second = await train(
      { name, runs_dir, continue_train: true },
      { onNotice: (line) => notices.push(line) },
    );
    expect(second).toMatchObject({ finished: true, position: { step: 6 } });
    expect(notices).toContain(`continuing from ${first.checkpoint}`);
  });

  it("stopped before its first step, writes nothing and keeps an earlier run of its name", async () => {
    const options = tiny({ model: "pix2pix", name: "kept", max_steps: 2 });
    const { checkpoint } = await train(options);
    const signal = AbortSignal.abort();
    const again = await train({ ...options, overwrite: true }, { signal });
    expect(again).toMatchObject({ finished: false, checkpoint: undefined, position: { step: 0 } });
    expect(await readdir(checkpoint!)).toContain("net_G.safetensors");
    await train({ ...options, name: "unborn" }, { signal });
    expect(await readdir(join(folder, "runs"))).not.toContain("unborn");
    const { name, runs_dir } = options as { name: string; runs_dir: string };
    const continued = await train({ name, runs_dir, max_steps: 4, continue_train: true }, { signal });
    expect(continued).toMatchObject({ finished: false, position: { step: 2 } });
  });

  it("measures the plateau schedule on images that are not trained on", async () => {
    const epochs: (number | undefined)[] = [];
    const options = tiny({ model: "pix2pix", name: "d", lr_policy: "plateau" });
    await train(options, { onEpochEnd: ({ validation }) => epochs.push(validation) });
    expect(epochs).toHaveLength(2);
    for (const validation of epochs) {
      expect(validation).toBeGreaterThan(0);
      expect(validation).toBeLessThan(2);
    }
    const lines = (await readFile(join(folder, "runs/d/metrics.jsonl"), "utf8")).trim().split("\n");
    const logged = lines.map((line) => JSON.parse(line).validation).filter((value) => value !== undefined);
    expect(logged).toEqual(epochs);

    const unpaired = tiny({ model: "cycle_gan", name: "e", lr_policy: "plateau" });
    await expect(train(unpaired)).rejects.toMatchObject({ code: "E_DATA_MISSING" });
  });

  it("refuses more memory than allowed, before the first step", async () => {
    const options = tiny({ model: "pix2pix", name: "f", max_memory: 1 });
    await expect(train(options)).rejects.toMatchObject({ code: "E_MEMORY" });
    expect(await readdir(join(folder, "runs"))).not.toContain("f");
  });
});
