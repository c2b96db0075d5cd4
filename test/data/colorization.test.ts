import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { checkDataset } from "../../src/data/check.js";
import { colorizationSample } from "../../src/data/coding.js";
import { openDataset } from "../../src/data/dataset.js";
import { examineDataset } from "../../src/data/doctor/examine.js";
import { decodeImage } from "../../src/data/image.js";
import { cropImage } from "../../src/data/transforms.js";
import { datasetOptions, failure, noiseImage, temporaryFolder, writeImage } from "./files.js";

const folder = temporaryFolder("colorization");
const mode = { dataset_mode: "colorization", input_nc: 1, output_nc: 2 } as const;

describe("dataset_mode colorization", () => {
  it("makes lightness and colours of single images, whatever their kind", async () => {
    const root = join(folder, "kinds");
    const gray = noiseImage(8, 8, 1);
    await writeImage(join(root, "train", "a.png"), noiseImage(8, 8, 3, 8, "a"));
    await writeImage(join(root, "train", "b.png"), noiseImage(8, 8, 4, 8, "b"));
    await writeImage(join(root, "train", "c.png"), gray);
    await writeImage(join(root, "train", "sub", "d.tif"), noiseImage(8, 8, 3, 16, "d"));
    const dataset = await openDataset(datasetOptions(root, mode));
    expect(dataset.length).toBe(4);
    for (const [index, name] of ["a.png", "b.png", "c.png", "sub/d.tif"].entries()) {
      const path = join(root, "train", name);
      const sample = await dataset.sample(index, 0);
      const { A, B } = colorizationSample(await decodeImage(path, { channels: 3 }));
      expect(sample).toEqual({ A, B, paths: { A: path, B: path } });
      expect([A.shape, B.shape]).toEqual([
        [1, 8, 8],
        [2, 8, 8],
      ]);
    }
    // Gray has no colour; the digits of the matrix leave 0.01 of 110.
    const { B } = await dataset.sample(2, 0);
    expect(Math.max(...B!.data.map(Math.abs))).toBeLessThan(1e-4);
    const { A } = await dataset.sample(3, 0);
    expect(new Set(A.data).size).toBe(64);
    expect(await checkDataset({ ...datasetOptions(root, mode), batch_size: 1 }, { decode: true })).toEqual({
      images: 4,
      sizes: ["8×8"],
      problems: [],
    });
  });

  it("uses the full depth of sixteen bits", async () => {
    const root = join(folder, "deep");
    // A ramp within one level of 8 bits.
    const data = Uint16Array.from({ length: 8 * 8 * 3 }, (_, i) => 30_000 + 3 * Math.floor(i / 3));
    await writeImage(join(root, "train", "ramp.png"), { width: 8, height: 8, channels: 3, depth: 16, data });
    const { A } = await (await openDataset(datasetOptions(root, mode))).sample(0, 0);
    for (let i = 1; i < 64; i++) expect(A.data[i]).toBeGreaterThan(A.data[i - 1]!);
  });

  it("crops and flips lightness and colours together", async () => {
    const root = join(folder, "augmented");
    const image = noiseImage(9, 8, 3, 8, "augmented");
    await writeImage(join(root, "train", "x.png"), image);
    const dataset = await openDataset(datasetOptions(root, { ...mode, no_flip: false }));
    const possible = [0, 1].flatMap((x) =>
      [false, true].map((flip) => colorizationSample(cropImage(image, x, 0, 8, 8, flip))),
    );
    const seen = new Set<number>();
    for (let epoch = 0; epoch < 20; epoch++) {
      const { A, B } = await dataset.sample(0, epoch);
      const found = possible.findIndex((sample) => sample.A.data.every((v, i) => v === A.data[i]));
      expect(B).toEqual(possible[found]!.B);
      seen.add(found);
    }
    expect(seen.size).toBe(4);
  });

  it("takes the folder of the phase, as many images as are wanted", async () => {
    const root = join(folder, "kinds");
    const two = await openDataset(datasetOptions(root, { ...mode, max_dataset_size: 2 }));
    expect(two.length).toBe(2);
    const error = await failure(openDataset(datasetOptions(root, { ...mode, phase: "val" })));
    expect(error.code).toBe("E_DATA_MISSING");
    expect(error.message).toBe(`${root} has none of these folders: val (colour images).`);
  });

  it("refuses a folder without any colour, and more channels than colours have", async () => {
    const root = join(folder, "gray");
    await writeImage(join(root, "train", "1.png"), noiseImage(8, 8, 1, 8, "1"));
    await writeImage(join(root, "train", "2.png"), noiseImage(8, 8, 2, 8, "2"));
    const options = { ...datasetOptions(root, mode), batch_size: 1 };
    const [problem, ...others] = (await checkDataset(options)).problems;
    expect(problem?.toLine()).toMatch(/^E_DATA_EMPTY: .*gray has 2 images, all of them gray\. Colorization/);
    expect(others).toEqual([]);
    await writeImage(join(root, "train", "3.tif"), noiseImage(8, 8, 5));
    const messages = (await checkDataset(options)).problems.map(({ message }) => message);
    expect(messages).toEqual([`${join(root, "train", "3.tif")} has 5 channels, not 3.`]);
  });

  it("is looked into by pixcycle data check", async () => {
    const { phase: _, ...options } = datasetOptions(join(folder, "kinds"), mode);
    const watcher = { onImage: () => undefined, signal: new AbortController().signal };
    const found = await examineDataset({ ...options, batch_size: 1 }, watcher);
    expect(found).toMatchObject({ mode: "colorization", files: 4, phases: [{ name: "train", A: 4, B: 0 }] });
    expect(found.findings.filter(({ severity }) => severity === "problem")).toEqual([]);
    expect(found.findings.map(({ topic }) => topic)).toContain("no test part");
    const nothing = await examineDataset(
      { ...options, dataroot: join(folder, "kinds", "train"), batch_size: 1 },
      watcher,
    );
    expect(nothing.findings[0]).toMatchObject({ severity: "problem", topic: "E_DATA_MISSING" });
  });
});
