import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { checkDataset } from "../../src/data/check.js";
import { openDataset } from "../../src/data/dataset.js";
import { type Image, imageToTensor } from "../../src/data/pixels.js";
import { cropImage } from "../../src/data/transforms.js";
import { datasetOptions, failure, noiseImage, temporaryFolder, writeImage } from "./files.js";

const folder = temporaryFolder("dataset");

const picture = (key: string, width = 8, height = 8): Image => noiseImage(width, height, 3, 8, key);
const values = (key: string) => imageToTensor(picture(key)).data;

/** Writes the two folders of a data set; the files' pixels are `picture(name)`. */
async function writeSides(root: string, sides: Record<string, string[]>): Promise<string> {
  for (const [side, names] of Object.entries(sides)) {
    mkdirSync(join(folder, root, side), { recursive: true });
    for (const name of names) {
      await writeImage(join(folder, root, side, name), picture(`${side}/${name}`));
    }
  }
  return join(folder, root);
}

const train = { batch_size: 1 };

describe("aligned", () => {
  it("splits pairs side by side; direction swaps them", async () => {
    const root = join(folder, "side");
    const both = picture("both", 16, 8);
    await writeImage(join(root, "train", "b.png"), both);
    await writeImage(join(root, "train", "a.png"), picture("other", 16, 8));
    const left = imageToTensor(cropImage(both, 0, 0, 8, 8)).data;
    const right = imageToTensor(cropImage(both, 8, 0, 8, 8)).data;
    const dataset = await openDataset(datasetOptions(root));
    expect(dataset.length).toBe(2);
    const path = join(root, "train", "b.png");
    expect(await dataset.sample(1, 0)).toEqual({
      A: { shape: [3, 8, 8], data: left },
      B: { shape: [3, 8, 8], data: right },
      paths: { A: path, B: path },
    });
    const reversed = await (await openDataset(datasetOptions(root, { direction: "BtoA" }))).sample(1, 0);
    expect(reversed.A.data).toEqual(right);
    expect(reversed.B?.data).toEqual(left);
  });

  it.each([
    ["trainA", "trainB"],
    ["A/train", "B/train"],
    ["A", "B"],
  ])("pairs %s and %s by name, whatever the ending", async (A, B) => {
    const root = await writeSides(`pairs ${A.replace("/", "-")}`, {
      [A]: ["b.png", "sub/c.png"],
      [B]: ["b.webp", "sub/c.tif"],
    });
    const dataset = await openDataset(datasetOptions(root));
    expect(dataset.length).toBe(2);
    const sample = await dataset.sample(1, 0);
    expect(sample.paths).toEqual({ A: join(root, A, "sub/c.png"), B: join(root, B, "sub/c.tif") });
    expect(sample.A.data).toEqual(values(`${A}/sub/c.png`));
    expect(sample.B?.data).toEqual(values(`${B}/sub/c.tif`));
    const reversed = await (await openDataset(datasetOptions(root, { direction: "BtoA" }))).sample(1, 0);
    expect(reversed.paths).toEqual({ A: sample.paths.B, B: sample.paths.A });
  });

  it("crops and flips both sides alike, again for every epoch", async () => {
    const root = join(folder, "augmented");
    const image = picture("same", 40, 40);
    await writeImage(join(root, "trainA", "x.png"), image);
    await writeImage(join(root, "trainB", "x.png"), image);
    const dataset = await openDataset(datasetOptions(root, { no_flip: false }));
    const seen = new Set<string>();
    for (let epoch = 0; epoch < 20; epoch++) {
      const { A, B } = await dataset.sample(0, epoch);
      expect(A.data).toEqual(B?.data);
      expect((await dataset.sample(0, epoch)).A.data).toEqual(A.data);
      seen.add(A.data.slice(0, 24).join());
    }
    expect(seen.size).toBeGreaterThan(15);
    const other = await openDataset(datasetOptions(root, { no_flip: false, seed: 2 }));
    expect((await other.sample(0, 0)).A.data).not.toEqual((await dataset.sample(0, 0)).A.data);
  });

  it("gives each side its own channels", async () => {
    const root = await writeSides("channels", { trainA: ["x.png"], trainB: ["x.png"] });
    const dataset = await openDataset(datasetOptions(root, { input_nc: 1, output_nc: 4 }));
    const { A, B } = await dataset.sample(0, 0);
    expect(A.shape).toEqual([1, 8, 8]);
    expect(B?.shape).toEqual([4, 8, 8]);
  });

  it("refuses pairs that do not match: names up to three, counts, and a way out", async () => {
    const root = await writeSides("unmatched", {
      trainA: ["1.png", "2.png", "3.png"],
      trainB: ["3.png", "4.png", "5.png"],
    });
    const error = await failure(openDataset(datasetOptions(root)));
    expect(error.code).toBe("E_DATA_PAIR");
    const named = ["trainA/1.png", "trainA/2.png", "trainB/4.png"].map((file) => join(root, file)).join(", ");
    expect(error.message).toBe(`4 images have no partner of the same name: ${named} and 1 more.`);
    expect(error.hint).toContain("--model cycle_gan");
    const twice = await writeSides("ambiguous", { trainA: ["1.png", "1.webp"], trainB: ["1.png"] });
    expect((await failure(openDataset(datasetOptions(twice)))).message).toContain("1.webp");
  });

  it("refuses pairs of different sizes where the crop would not match, and odd widths", async () => {
    const root = join(folder, "sizes");
    await writeImage(join(root, "trainA", "x.png"), picture("x", 20, 20));
    await writeImage(join(root, "trainB", "x.png"), picture("x", 21, 20));
    const error = await failure((await openDataset(datasetOptions(root))).sample(0, 0));
    expect(error.code).toBe("E_DATA_SIZE");
    expect(error.message).toContain("x.png differ in size: 20×20 and 21×20");
    const resized = await openDataset(datasetOptions(root, { preprocess: "resize_and_crop" }));
    expect((await resized.sample(0, 0)).B?.shape).toEqual([3, 8, 8]);

    const odd = join(folder, "odd");
    await writeImage(join(odd, "train", "x.png"), picture("x", 31, 20));
    expect((await failure((await openDataset(datasetOptions(odd))).sample(0, 0))).message).toContain(
      "odd width",
    );
    const oddResized = await openDataset(datasetOptions(odd, { preprocess: "resize_and_crop" }));
    expect((await oddResized.sample(0, 0)).A.shape).toEqual([3, 8, 8]);
    const line = join(folder, "line");
    await writeImage(join(line, "train", "x.png"), picture("x", 1, 20));
    expect((await failure((await openDataset(datasetOptions(line))).sample(0, 0))).code).toBe("E_DATA_SIZE");
  });
});

describe("unaligned", () => {
  const unaligned = { dataset_mode: "unaligned" } as const;

  it("is as long as the longer side; A goes by index, B is random and reaches every image", async () => {
    const root = await writeSides("unaligned", {
      trainA: ["0.png", "1.png", "2.png"],
      trainB: ["p.png", "q.png"],
    });
    const dataset = await openDataset(datasetOptions(root, unaligned));
    expect(dataset.length).toBe(3);
    const orders = new Set<string>();
    const partners = new Set<string>();
    for (let epoch = 0; epoch < 8; epoch++) {
      const samples = await Promise.all([0, 1, 2].map((index) => dataset.sample(index, epoch)));
      expect(samples.map(({ paths }) => paths.A)).toEqual(
        ["0.png", "1.png", "2.png"].map((name) => join(root, "trainA", name)),
      );
      orders.add(samples.map(({ paths }) => paths.B).join());
      for (const { paths } of samples) partners.add(paths.B!);
      expect(samples[0]!.A.data).toEqual(values("trainA/0.png"));
    }
    expect(orders.size).toBeGreaterThan(3);
    expect(partners.size).toBe(2);

    const serial = await openDataset(datasetOptions(root, { ...unaligned, serial_batches: true }));
    expect((await serial.sample(2, 5)).paths.B).toBe(join(root, "trainB", "p.png"));
    const reversed = await openDataset(datasetOptions(root, { ...unaligned, direction: "BtoA" }));
    expect(reversed.length).toBe(3);
    expect((await reversed.sample(2, 0)).paths.A).toBe(join(root, "trainB", "p.png"));
  });

  it("augments the sides independently", async () => {
    const root = join(folder, "independent");
    for (const side of ["trainA", "trainB"]) {
      await writeImage(join(root, side, "x.png"), picture("same", 40, 40));
    }
    const dataset = await openDataset(datasetOptions(root, unaligned));
    const { A, B } = await dataset.sample(0, 0);
    expect(A.data).not.toEqual(B?.data);
  });

  it("stops at max_dataset_size", async () => {
    const root = join(folder, "unaligned");
    const dataset = await openDataset(datasetOptions(root, { ...unaligned, max_dataset_size: 1 }));
    expect(dataset.length).toBe(1);
  });
});

describe("single", () => {
  it("reads a folder or one file", async () => {
    const root = await writeSides("single", { ".": ["b.png", "a.jpg", ".hidden.png"] });
    writeFileSync(join(root, "notes.txt"), "not an image");
    const options = datasetOptions(root, { dataset_mode: "single" });
    const dataset = await openDataset(options);
    expect(dataset.length).toBe(2);
    const sample = await dataset.sample(1, 0);
    expect(sample).toEqual({
      A: { shape: [3, 8, 8], data: values("./b.png") },
      paths: { A: join(root, "b.png") },
    });
    const one = await openDataset({ ...options, dataroot: join(root, "b.png") });
    expect(await one.sample(0, 0)).toEqual(sample);
    const error = await failure(openDataset({ ...options, dataroot: join(root, "none") }));
    expect(error.code).toBe("E_DATA_MISSING");
  });
});

describe("missing and empty folders", () => {
  it("says which layouts were looked for", async () => {
    const gone = join(folder, "gone");
    expect((await failure(openDataset(datasetOptions(gone)))).message).toBe(`${gone}: no such folder.`);
    mkdirSync(join(folder, "bare"));
    const error = await failure(openDataset(datasetOptions(join(folder, "bare"))));
    expect(error.code).toBe("E_DATA_MISSING");
    expect(error.message).toContain(
      "train (pairs side by side); trainA and trainB; A/train and B/train; A and B",
    );
    const unaligned = datasetOptions(join(folder, "bare"), { dataset_mode: "unaligned", phase: "test" });
    expect((await failure(openDataset(unaligned))).message).toContain("testA and testB");
  });

  it("knows an empty folder", async () => {
    mkdirSync(join(folder, "empty", "train"), { recursive: true });
    writeFileSync(join(folder, "empty", "train", "readme.md"), "nothing here");
    const error = await failure(openDataset(datasetOptions(join(folder, "empty"))));
    expect(error.code).toBe("E_DATA_EMPTY");
    expect(error.message).toContain(`${join(folder, "empty", "train")} holds no images among its 1 files`);
  });
});

describe("checkDataset", () => {
  it("passes a good data set and tells its sizes", async () => {
    const root = await writeSides("good", { trainA: ["1.png", "2.png"], trainB: ["1.png", "2.png"] });
    expect(await checkDataset({ ...datasetOptions(root), ...train }, { decode: true })).toEqual({
      images: 4,
      sizes: ["8×8"],
      problems: [],
    });
  });

  it("reports every problem at once, by file", async () => {
    const root = await writeSides("bad", {
      trainA: ["good.png", "small.png", "text.png", "alone.png", "cut.png", "many.png", "link.png"],
      trainB: ["good.png", "small.png", "text.png", "cut.png", "many.png", "link.png"],
    });
    const at = (file: string) => join(root, "trainA", file);
    await writeImage(at("small.png"), picture("small", 4, 8));
    await writeImage(join(root, "trainB", "small.png"), picture("small", 4, 8));
    writeFileSync(at("text.png"), "hello");
    writeFileSync(at("cut.png"), readFileSync(at("cut.png")).subarray(0, 120));
    await writeImage(join(root, "five.tif"), noiseImage(8, 8, 5));
    writeFileSync(at("many.png"), readFileSync(join(root, "five.tif")));
    symlinkSync("nowhere.png", at("broken.png"));
    const options = { ...datasetOptions(root), ...train };

    const quick = await checkDataset(options);
    const lines = quick.problems.map((problem) => problem.toLine()).join("\n");
    expect(lines).toContain("E_DATA_PAIR: 2 images have no partner");
    expect(lines).toContain(`E_DATA_SIZE: ${at("small.png")} is 4×8`);
    expect(lines).toContain(`E_IMAGE_READ: ${at("text.png")} is not an image`);
    expect(lines).toContain(`E_IMAGE_READ: ${at("many.png")} has 5 channels, not 3.`);
    expect(lines).not.toContain("cut.png");
    expect(quick.problems.length).toBe(4);

    const thorough = await checkDataset(options, { decode: true });
    expect(thorough.problems.length).toBe(5);
    expect(thorough.problems.some((problem) => problem.message.startsWith(at("cut.png")))).toBe(true);
  });

  it("looks into no further file once the signal is aborted", async () => {
    const names = Array.from({ length: 40 }, (_, i) => `${i}.png`);
    const root = await writeSides("stopped", { trainA: names, trainB: names });
    const abort = new AbortController();
    const checking = checkDataset(
      { ...datasetOptions(root), ...train },
      { decode: true, signal: abort.signal },
    );
    abort.abort();
    expect((await checking).images).toBeLessThan(80);
  });

  it("finds a truncated JPEG among good ones, and the sample of that file names it", async () => {
    const root = join(folder, "truncated");
    for (const name of ["1.jpg", "2.jpg", "3.jpg"]) {
      await writeImage(join(root, "train", name), picture(name, 32, 16));
    }
    const path = join(root, "train", "2.jpg");
    const whole = readFileSync(path);
    writeFileSync(path, whole.subarray(0, whole.length - 30));
    const options = datasetOptions(root);
    const report = await checkDataset({ ...options, ...train }, { decode: true });
    expect(report.problems.map(({ code }) => code)).toEqual(["E_IMAGE_READ"]);
    expect(report.problems[0]!.message).toContain(path);
    const dataset = await openDataset(options);
    expect((await dataset.sample(0, 0)).A.shape).toEqual([3, 8, 8]);
    expect((await failure(dataset.sample(1, 0))).message).toContain(path);
  });

  it("knows what cannot share a batch", async () => {
    const root = join(folder, "batch");
    await writeImage(join(root, "train", "1.png"), picture("1", 16, 8));
    await writeImage(join(root, "train", "2.png"), picture("2", 24, 8));
    const options = datasetOptions(root, { preprocess: "none" });
    expect((await checkDataset({ ...options, batch_size: 1 })).problems).toEqual([]);
    const [problem] = (await checkDataset({ ...options, batch_size: 2 })).problems;
    expect(problem?.message).toBe("Samples have 2 sizes (12×8, 8×8), which cannot share a batch.");
    expect(problem?.hint).toContain("--batch_size 1");
  });

  it("reports what is missing instead of failing", async () => {
    const report = await checkDataset({ ...datasetOptions(join(folder, "nowhere")), ...train });
    expect(report.problems.map(({ code }) => code)).toEqual(["E_DATA_MISSING"]);
  });
});
