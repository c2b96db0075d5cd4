import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { decodeImage } from "../../src/data/image.js";
import { scaleImage } from "../../src/data/transforms.js";
import { type DistillControls, type DistillReport, distill, loadTranslator } from "../../src/index.js";
import { generator, parameterCount, SKIP } from "../../src/networks/registry.js";
import { loadCheckpoint } from "../../src/training/checkpoint.js";
import { makeToyData, writePicture } from "../cli/toy-data.js";
import { temporaryFolder } from "../data/files.js";
import { randomGenerator, writeRun, writeWeights } from "../translation/models.js";

const folder = temporaryFolder("distill");
const data = join(folder, "data");
const runs_dir = join(folder, "runs");
const IMAGES = 4;

/** A student so small that a step takes milliseconds. */
const tiny = {
  ...{ runs_dir, threads: 1, num_threads: 0, netG: "mobile_resnet_6blocks", ngf: 2, netD: "pixel", ndf: 2 },
  ...{ max_steps: 3, display_freq: 1000 },
};
const run = (teacher: string, given: Record<string, unknown>, controls: DistillControls = {}) =>
  distill(teacher, { ...tiny, ...given }, controls);

/** A CycleGAN of some sizes on the toy images, as if it had been trained. */
let cycleGan: string;
let weights: string;

beforeAll(async () => {
  await makeToyData(data, IMAGES);
  for (const name of ["testA/a0.png", "testA/a1.png", "testB/b0.png"]) await writePicture(join(data, name));
  await writePicture(join(data, "test/0.png"), 40, 20);
  const sizes = { load_size: 18, crop_size: 16, no_flip: true, dataroot: data };
  const networks = { netG: "resnet_6blocks", ngf: 4, netD: "pixel" };
  cycleGan = await writeRun(runs_dir, "big", { model: "cycle_gan", ...networks, ...sizes });
  weights = await writeWeights(join(folder, "pairs.safetensors"), randomGenerator({ learn_residual: true }));
});

const pixels = async (path: string) => Array.from((await decodeImage(path)).data);

describe("the student of a CycleGAN", () => {
  let report: DistillReport;
  beforeAll(async () => {
    report = await run("big", { direction: "BtoA", name: "backwards" });
  });

  it("learns from what the teacher's generator of its direction makes of that side's images", async () => {
    const pairs = join(report.folder, "data");
    expect(await readdir(join(pairs, "trainA"))).toEqual([0, 1, 2, 3].map((i) => `00000${i}-b${i}.png`));
    const translator = await loadTranslator(cycleGan, { direction: "BtoA", threads: 1 });
    const sizes = { preprocess: "resize_and_crop", load_size: 18, crop_size: 16, no_flip: true } as const;
    const input = scaleImage(await decodeImage(join(data, "trainB/b2.png")), sizes);
    const output = await translator.translate(input);
    await translator.close();
    expect(await pixels(join(pairs, "trainA/000002-b2.png"))).toEqual(Array.from(input.data));
    expect(await pixels(join(pairs, "trainB/000002-b2.png"))).toEqual(Array.from(output.data));
  });

  it("is a pix2pix that sees images as its teacher did", () => {
    expect(report.options).toMatchObject({
      ...{ model: "pix2pix", dataset_mode: "aligned", direction: "AtoB", input_nc: 3, output_nc: 3 },
      ...{ preprocess: "resize_and_crop", load_size: 18, crop_size: 16, no_flip: true },
      ...{ netG: "mobile_resnet_6blocks", ngf: 2, norm: "instance", no_dropout: true },
    });
  });

  it("is compared with it on held-out images, which have no truth here", async () => {
    const { comparison } = report;
    expect(comparison).toMatchObject({ phase: "test", images: 1, size: [16, 16] });
    expect([...comparison!.scores.keys()]).toEqual(["student against teacher"]);
    const record = JSON.parse(await readFile(join(report.folder, "distillation.json"), "utf8"));
    expect(record.scores["student against teacher"]).toEqual(
      comparison!.scores.get("student against teacher"),
    );
    expect((await decodeImage(comparison!.grid)).width).toBeGreaterThan(3 * 128);
  });

  it("and so is its cost", async () => {
    const { teacher, student } = report.comparison!;
    const small = {
      netG: "mobile_resnet_6blocks",
      norm: "instance",
      no_dropout: true,
      upsample: "deconv",
    } as const;
    expect(student.parameters).toBe(parameterCount(generator("net_G", { ...small, ngf: 2 }, 3, 3)));
    const file = join(report.checkpoint!, "net_G.safetensors");
    expect(student.bytes).toBe((await stat(file)).size);
    expect(student.multiplications).toBeLessThan(teacher.multiplications / 4);
    // The first layer alone: 7×7 from 3 to 4 channels on 16×16 pixels.
    expect(teacher.multiplications).toBeGreaterThan(49 * 3 * 4 * 256);
    for (const { milliseconds } of [teacher, student]) expect(milliseconds).toBeGreaterThan(0);
  });
});

describe("the student of a weight file", () => {
  const given = { dataroot: data, load_size: 20, crop_size: 16 };

  it("on pairs is compared with the truth, too, and adds to its input as its teacher does", async () => {
    const { comparison, options, folder: path } = await run(weights, { ...given, name: "paired" });
    expect([...comparison!.scores.keys()]).toEqual([
      ...["student against teacher", "teacher against truth", "student against truth"],
    ]);
    expect(options.learn_residual).toBe(true);
    const { width, height } = await decodeImage(join(path, "data/trainA/000000-0.png"));
    expect([width, height]).toEqual([20, 20]);
  });

  it("learns what its teacher does: here, to exchange red and blue", async () => {
    const teacher = randomGenerator({ learn_residual: true });
    for (const [name, { shape, data: numbers }] of teacher) {
      const zeros = new Float32Array(numbers.length);
      teacher.set(name, { dtype: "F32", shape, data: zeros });
      if (name === SKIP) zeros.set([0, 0, 1, 0, 1, 0, 1, 0, 0]);
    }
    const swaps = await writeWeights(join(folder, "swaps.safetensors"), teacher);
    const distance = async (max_steps: number) => {
      const { comparison } = await run(swaps, { ...given, name: `swaps-${max_steps}`, max_steps, lr: 0.01 });
      return comparison!.scores.get("student against teacher")!.l1;
    };
    expect(await distance(150)).toBeLessThan(0.5 * (await distance(1)));
  });

  it("stopped and continued ends as if it had not been stopped, on the same pairs", async () => {
    const whole = await run(weights, { ...given, name: "whole", max_steps: 6 });
    const stop = new AbortController();
    const named = { ...given, name: "stopped", max_steps: 6 };
    const first = await run(weights, named, {
      signal: stop.signal,
      onStep: ({ step }) => {
        if (step === 3) stop.abort();
      },
    });
    expect(first).toMatchObject({ finished: false, step: 3, comparison: undefined });
    const pairs = join(first.folder, "data/trainB");
    const made = (await stat(pairs)).mtimeMs;
    const second = await distill(weights, { runs_dir, name: "stopped", continue_train: true });
    expect(second).toMatchObject({ finished: true, step: 6 });
    expect((await stat(pairs)).mtimeMs).toBe(made);
    expect(second.comparison!.scores).toEqual(whole.comparison!.scores);
    const [a, b] = await Promise.all([whole, second].map(({ checkpoint }) => loadCheckpoint(checkpoint!)));
    expect(b!.state).toEqual(a!.state);
  });

  it("is not continued with another teacher", async () => {
    const other = await writeWeights(join(folder, "other.safetensors"), randomGenerator({}, { seed: 1 }));
    await run(weights, { ...given, name: "faithful" });
    await expect(run(other, { ...given, name: "faithful", continue_train: true })).rejects.toMatchObject({
      code: "E_OPTION_CONFLICT",
      message: expect.stringContaining("was made by another teacher"),
    });
  });

  it("stopped before its first step leaves nothing", async () => {
    const runs = join(folder, "no-runs");
    const stop = new AbortController();
    const report = await run(
      weights,
      { ...given, runs_dir: runs, name: "never" },
      { signal: stop.signal, onTeacherImage: (done) => (done === 2 ? stop.abort() : undefined) },
    );
    expect(report).toMatchObject({ finished: false, step: 0, checkpoint: undefined });
    await expect(stat(runs)).rejects.toMatchObject({ code: "ENOENT" });
    const late = new AbortController();
    const all = await run(
      weights,
      { ...given, runs_dir: runs, name: "never" },
      { signal: late.signal, onNotice: (text) => (text.startsWith("memory") ? late.abort() : undefined) },
    );
    expect(all.step).toBe(0);
    await expect(stat(runs)).rejects.toMatchObject({ code: "ENOENT" });
  });
});

describe("distill refuses", () => {
  it.each([
    ["no data set", {}, "E_OPTION", /No data set is given/],
    [
      "a preset without pairs",
      { dataroot: data, preset: "torch-cyclegan" },
      "E_OPTION_CONFLICT",
      /is not for pix2pix/,
    ],
    ["a data set without images", { dataroot: folder }, "E_DATA_MISSING", /none of these folders: train/],
  ])("%s, and leaves nothing", async (_, given, code, message) => {
    const runs = join(folder, "refused");
    const refused = run(weights, { ...given, runs_dir: runs, name: "refused" });
    await expect(refused).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    await expect(stat(runs)).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("a teacher that finds colours", async () => {
    const channels = { inputChannels: 1, outputChannels: 2 };
    const colours = await writeWeights(join(folder, "colours.safetensors"), randomGenerator({}, channels), {
      dataset_mode: "colorization",
    });
    await expect(run(colours, { dataroot: data })).rejects.toMatchObject({ code: "E_OPTION_CONFLICT" });
  });
});
