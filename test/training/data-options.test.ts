import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { createLoader } from "../../src/data/loader.js";
import {
  decodeImage,
  imageToTensor,
  loadTranslator,
  type OptionValues,
  train,
  translateFiles,
} from "../../src/index.js";
import { datasetOptions, noiseImage, temporaryFolder, writeImage } from "../data/files.js";

const folder = temporaryFolder("data-options");

function tiny(name: string, dataroot: string, given: OptionValues): OptionValues {
  return {
    ...{ model: "pix2pix", name, dataroot: join(folder, dataroot), runs_dir: join(folder, "runs") },
    ...{ netG: "resnet_6blocks", ngf: 2, netD: "pixel", ndf: 2, no_dropout: true, num_threads: 1 },
    ...{ load_size: 20, crop_size: 16, max_steps: 2, display_freq: 1 },
    ...given,
  };
}

describe("channels and depth", () => {
  it.each([
    [1, 1, 16],
    [2, 2, 16],
    [3, 3, 16],
    [4, 4, 16],
    [5, 5, 16],
    [7, 2, 16],
    [1, 3, 8],
    [4, 1, 8],
    [9, 9, 8],
  ] as const)(
    "go through training and translation: %i to %i of %i bits",
    async (input_nc, output_nc, depth) => {
      const name = `${input_nc}-${output_nc}-${depth}`;
      for (const index of [0, 1]) {
        await writeImage(
          join(folder, name, `trainA/${index}.tif`),
          noiseImage(20, 20, input_nc, depth, `A${index}`),
        );
        await writeImage(
          join(folder, name, `trainB/${index}.tif`),
          noiseImage(20, 20, output_nc, depth, `B${index}`),
        );
      }
      const { folder: run } = await train(tiny(name, name, { input_nc, output_nc }));
      const translator = await loadTranslator(run, { threads: 1 });
      try {
        const input = join(folder, name, "trainA/0.tif");
        const out = join(folder, `${name} out`);
        const { results, failures } = await translateFiles(translator, [input], { out });
        expect(failures).toEqual([]);
        const image = await decodeImage(input);
        const shown = await decodeImage(join(out, results[0]!.images.real_A!));
        expect(shown).toEqual(image);
        const [result] = await translator.translateTensors([imageToTensor(image)]);
        const made = await decodeImage(join(out, results[0]!.images.fake_B!));
        expect(made).toMatchObject({ width: 20, height: 20, channels: output_nc, depth });
        const difference = imageToTensor(made).data.map((v, i) => Math.abs(v - result!.data[i]!));
        // Half a level, of a range that is 2 wide.
        expect(Math.max(...difference)).toBeLessThan(1.01 / (2 ** depth - 1));
      } finally {
        await translator.close();
      }
    },
  );
});

describe("preprocess", () => {
  beforeAll(async () => {
    // 40×28: every mode gives another sample.
    for (const side of ["A", "B"]) {
      for (const index of [0, 1]) {
        await writeImage(
          join(folder, `wide/train${side}/${index}.png`),
          noiseImage(40, 28, 3, 8, `${side}${index}`),
        );
      }
    }
  });

  it.each([
    ["resize_and_crop", 16, 16],
    ["crop", 16, 16],
    ["scale_width_and_crop", 16, 16],
    ["scale_width", 20, 16],
    ["none", 40, 28],
  ] as const)("%s trains on %i×%i", async (preprocess, width, height) => {
    const options = { ...datasetOptions(join(folder, "wide")), preprocess, load_size: 20, crop_size: 16 };
    const loader = await createLoader({ ...options, batch_size: 2, num_threads: 0 });
    const { value } = await loader.epoch(0).next();
    await loader.close();
    expect(value!.real_A.shape).toEqual([2, 3, height, width]);
    const { finished, losses } = await train(tiny(preprocess, "wide", { preprocess }));
    expect(finished).toBe(true);
    expect(losses.G_L1).toBeGreaterThan(0);
  });
});

describe("the order of images", () => {
  const names = ["a", "b", "c", "d"];

  beforeAll(async () => {
    // Written in another order than that of their names.
    for (const name of names.toReversed()) {
      for (const side of ["train", "trainA", "trainB"]) {
        const root = side === "train" ? "whole" : "two";
        await writeImage(join(folder, root, side, `${name}.png`), noiseImage(16, 8, 3, 8, side + name));
      }
    }
  });

  it.each([
    ["aligned", "whole", {}],
    ["aligned", "two", {}],
    ["unaligned", "two", {}],
    ["colorization", "whole", { input_nc: 1, output_nc: 2 }],
  ] as const)("%s of %s is that of the names with serial_batches", async (dataset_mode, root, channels) => {
    const order = async (serial_batches: boolean, max_dataset_size: number, epoch = 1) => {
      const options = datasetOptions(join(folder, root), { dataset_mode, serial_batches, max_dataset_size });
      const loader = await createLoader({ ...options, ...channels, batch_size: 1, num_threads: 0 });
      const paths: string[] = [];
      for await (const batch of loader.epoch(epoch)) paths.push(batch.paths[0]!.A.at(-5)!);
      await loader.close();
      return paths;
    };
    expect(await order(true, 0)).toEqual(names);
    expect(await order(true, 3)).toEqual(names.slice(0, 3));
    expect((await order(false, 3)).sort()).toEqual(names.slice(0, 3));
    const shuffled = await Promise.all([0, 1, 2, 3].map((epoch) => order(false, 0, epoch)));
    expect(new Set(shuffled.map((paths) => paths.join(""))).size).toBeGreaterThan(1);
  });
});
