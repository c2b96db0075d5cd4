import { mkdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { loadTranslator, type TranslatorOptions } from "../../src/translation/load.js";
import { failure, noiseImage, temporaryFolder } from "../data/files.js";
import { bytes, global, pickle, text, tuple, zip } from "../formats/torch-files.js";
import { randomGenerator, writeRun, writeTorch, writeWeights } from "./models.js";

const folder = temporaryFolder("load");
const image = noiseImage(10, 10);

async function info(path: string, options: TranslatorOptions = {}) {
  const translator = await loadTranslator(path, options);
  await translator.close();
  return translator.info;
}

describe("a run", () => {
  const runs_dir = join(folder, "runs");
  beforeAll(async () => {
    await writeRun(runs_dir, "pairs", {}, [5, 10]);
    await writeRun(runs_dir, "horses", { model: "cycle_gan", no_dropout: true });
    await writeRun(runs_dir, "back", { model: "cycle_gan", direction: "BtoA" });
  });

  it("is found by its folder, by its name and by its checkpoint", async () => {
    const weights = join(runs_dir, "pairs/checkpoints/step-00000010/net_G.safetensors");
    const byFolder = await info(join(runs_dir, "pairs"));
    expect(byFolder).toMatchObject({ name: "pairs", weights, generator: "net_G", evaluate: false });
    expect(byFolder.architecture).toMatchObject({ netG: "unet_64", ngf: 2, norm: "batch" });
    expect(await info("pairs", { runs_dir })).toEqual(byFolder);
    expect(await info(join(runs_dir, "pairs/checkpoints/step-00000010"))).toEqual(byFolder);
    expect(await info(join(runs_dir, "pairs"), { epoch: "step-5" })).toMatchObject({
      weights: weights.replace("00010", "00005"),
    });
  });

  it("knows whether its U-Net was trained with dropout", async () => {
    expect((await info(join(runs_dir, "pairs"))).dropout).toBe(true);
    expect((await info(join(runs_dir, "horses"))).dropout).toBe(false);
  });

  it("does not run a ResNet without the dropout that its layers are numbered with", async () => {
    const path = await writeWeights(
      join(folder, "dropout.safetensors"),
      randomGenerator({ no_dropout: false }),
    );
    expect((await info(path, { evaluate: true })).dropout).toBe(false);
    const error = await failure(loadTranslator(path, { no_dropout: true }));
    expect(error.toLine()).toBe(
      `E_OPTION_CONFLICT: ${path} was trained with dropout. Use --eval to turn it off.`,
    );
  });

  it.each([
    ["horses", undefined, "net_G_A", "real_A", "fake_B"],
    ["horses", "AtoB", "net_G_A", "real_A", "fake_B"],
    ["horses", "BtoA", "net_G_B", "real_B", "fake_A"],
    ["back", undefined, "net_G_A", "real_A", "fake_B"],
    ["back", "BtoA", "net_G_A", "real_A", "fake_B"],
    ["back", "AtoB", "net_G_B", "real_B", "fake_A"],
  ] as const)("%s with direction %s is %s", async (name, direction, generator, inputName, outputName) => {
    const found = await info(name, { runs_dir, ...(direction && { direction }) });
    expect(found).toMatchObject({ generator, inputName, outputName });
  });

  it("gives a generator by name, and says which there are", async () => {
    expect((await info("horses", { runs_dir, generator: "net_G_B" })).generator).toBe("net_G_B");
    const error = await failure(loadTranslator("horses", { runs_dir, generator: "net_G" }));
    expect(error.toLine()).toContain("E_CHECKPOINT_MISSING: horses has net_G_A, net_G_B, not net_G.");
  });

  it("of pix2pix translates one way only", async () => {
    const error = await failure(loadTranslator("pairs", { runs_dir, direction: "BtoA" }));
    expect(error.toLine()).toContain("E_OPTION_CONFLICT: pairs translates AtoB only.");
  });

  it("takes its training's crop size where it is asked to crop", async () => {
    expect((await info("pairs", { runs_dir, preprocess: "resize_and_crop" })).preparation).toEqual({
      ...{ preprocess: "resize_and_crop", crop_size: 64, load_size: 64 },
    });
  });

  it("with a damaged checkpoint names the file, and the checkpoints that are whole", async () => {
    const path = await writeRun(runs_dir, "damaged", {}, [5, 10]);
    const weights = join(path, "checkpoints/step-00000010/net_G.safetensors");
    const content = await readFile(weights);
    await truncate(weights, 1000);
    const cut = await failure(loadTranslator(path));
    expect(cut.toLine()).toMatch(
      /^E_CHECKPOINT_CORRUPT: .*net_G\.safetensors has 1000 bytes, \d+ were written\./,
    );
    expect(cut.hint).toBe("Whole: step-00000005. Choose with --epoch.");
    content[content.length - 9]! ^= 1;
    await writeFile(weights, content);
    expect((await failure(loadTranslator(path))).message).toContain("was changed after it was written");
    await rm(weights);
    expect((await failure(loadTranslator(path))).message).toContain("cannot be read");
    expect((await info(path, { epoch: "step-5" })).generator).toBe("net_G");
  });
});

describe("weight files", () => {
  it("are read as safetensors and as PyTorch's, with the same result", async () => {
    const weights = randomGenerator();
    const results = [];
    for (const path of [
      await writeWeights(join(folder, "horse2zebra.safetensors"), weights),
      await writeTorch(join(folder, "horse2zebra.pth"), weights),
    ]) {
      const translator = await loadTranslator(path, { threads: 1 });
      expect(translator.info).toMatchObject({ name: "horse2zebra", weights: path, generator: "net_G" });
      results.push(await translator.translate(image));
      await translator.close();
    }
    expect(results[1]).toEqual(results[0]);
  });

  it("in a folder are told apart by name, direction and epoch", async () => {
    const path = join(folder, "checkpoints_of_the_reference");
    await mkdir(path);
    for (const name of ["latest_net_G_A", "latest_net_G_B", "latest_net_D_A", "100_net_G_A"]) {
      await writeTorch(join(path, `${name}.pth`), randomGenerator());
    }
    const find = async (options: TranslatorOptions) =>
      (await info(path, options)).weights.slice(path.length + 1);
    expect(await find({})).toBe("latest_net_G_A.pth");
    expect(await find({ direction: "BtoA" })).toBe("latest_net_G_B.pth");
    expect(await find({ epoch: "100" })).toBe("100_net_G_A.pth");
    const one = await failure(loadTranslator(path, { epoch: "100", direction: "BtoA" }));
    expect(one.message).toContain("has net_G_A, not net_G_B");
    const none = await failure(loadTranslator(path, { epoch: "5" }));
    expect(none.toLine()).toContain("has no weights of epoch 5. There are 100, latest.");
    expect((await info(join(path, "latest_net_G_B.pth"))).outputName).toBe("fake_A");
  });

  it("of no known network are refused with what was seen", async () => {
    const weights = randomGenerator();
    weights.delete("model.26.weight");
    weights.delete("model.23.weight");
    const path = await writeWeights(join(folder, "other.safetensors"), weights);
    const error = await failure(loadTranslator(path));
    expect(error.toLine()).toMatch(
      /^E_CHECKPOINT_MISMATCH: .*other\.safetensors .*model\.23\.weight is missing/,
    );
  });

  it("that were cut short, or are no weights, are refused", async () => {
    const path = await writeWeights(join(folder, "cut.safetensors"), randomGenerator());
    await truncate(path, 5000);
    expect((await failure(loadTranslator(path))).code).toBe("E_FILE_FORMAT");
    const notes = join(folder, "net_G.pth");
    await writeFile(notes, "some notes");
    expect((await failure(loadTranslator(notes))).code).toBe("E_FILE_FORMAT");
  });

  it("that would run code are refused, and nothing is run", async () => {
    const path = join(folder, "malicious.pth");
    const command = `touch ${join(folder, "was-here")}`;
    await writeFile(path, await zip(pickle(global("posix", "system"), tuple(text(command)), bytes("R"))));
    const error = await failure(loadTranslator(path));
    expect(error.code).toBe("E_PICKLE_FORBIDDEN");
    expect(error.message).toContain("posix.system");
    await expect(readFile(join(folder, "was-here"))).rejects.toMatchObject({ code: "ENOENT" });
  });
});

describe("a path without a model", () => {
  it("is refused with where was looked", async () => {
    const error = await failure(loadTranslator("nowhere", { runs_dir: folder }));
    expect(error.toLine()).toContain(
      `E_CHECKPOINT_MISSING: There is no nowhere, and no run of this name in ${folder}.`,
    );
    const empty = join(folder, "empty");
    await mkdir(empty);
    expect((await failure(loadTranslator(empty))).toLine()).toContain("holds no trained model");
    await mkdir(join(empty, "checkpoints"));
    expect((await failure(loadTranslator(empty))).toLine()).toContain("has no checkpoint yet");
  });
});
