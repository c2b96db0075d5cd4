import { readdir } from "node:fs/promises";
import { extname, join } from "node:path";
import { decodeImage, IMAGE_EXTENSIONS } from "../data/image.js";
import { imageToTensor } from "../data/pixels.js";
import { PixcycleError } from "../errors.js";
import type { FloatTensor } from "../formats/tensor.js";
import { type Baseline, fitColourRegression, type ImagePair, identityBaseline } from "./baselines.js";
import { meanScores, type Scores, scoreImage } from "./scores.js";

/** What follows an input's name in the name of its output, as `pixcycle translate` and the reference write them. */
export const OUTPUT_SUFFIXES = ["", "_fake_B", "_fake_A"] as const;

export interface FolderComparison {
  /** The folder of inputs; its images and those of `truth` pair by name. */
  readonly inputs: string;
  readonly truth: string;
  /** Method to the folder of its outputs, named as the inputs or as the reference does: `NAME_fake_B.png`. */
  readonly outputs: ReadonlyMap<string, string>;
  /** Paired training folders that the colour regression is fitted on; without them it is left out. */
  readonly fit?: { readonly inputs: string; readonly truth: string };
  /** Channels that all images are converted to; default 3. */
  readonly channels?: number;
}

/**
 * Scores folders of outputs, and the baselines identity and colour regression, against a folder of truth.
 * @returns method to mean scores, the baselines first
 * @throws PixcycleError E_DATA_MISSING, E_DATA_EMPTY, E_DATA_PAIR, E_IMAGE_READ, E_SHAPE for unequal sizes
 */
export async function compareFolders(comparison: FolderComparison): Promise<Map<string, Scores>> {
  const { channels = 3 } = comparison;
  const truth = await listByStem(comparison.truth);
  const inputs = await partners(truth, comparison.inputs, [""]);
  const table = new Map<string, Scores>();
  for (const baseline of await baselines(comparison, channels)) {
    const translate = async (path: string) => baseline.translate(await readTensor(path, channels));
    table.set(baseline.name, await scoreAll(truth, inputs, translate, channels));
  }
  for (const [method, folder] of comparison.outputs) {
    const outputs = await partners(truth, folder, OUTPUT_SUFFIXES);
    table.set(method, await scoreAll(truth, outputs, (path) => readTensor(path, channels), channels));
  }
  return table;
}

async function baselines({ fit }: FolderComparison, channels: number): Promise<Baseline[]> {
  if (fit === undefined) return [identityBaseline];
  const truth = await listByStem(fit.truth);
  const inputs = await partners(truth, fit.inputs, [""]);
  async function* pairs(): AsyncGenerator<ImagePair> {
    for (const [stem, path] of truth) {
      yield {
        input: await readTensor(inputs.get(stem)!, channels),
        output: await readTensor(path, channels),
      };
    }
  }
  return [identityBaseline, await fitColourRegression(pairs())];
}

async function scoreAll(
  truth: ReadonlyMap<string, string>,
  others: ReadonlyMap<string, string>,
  load: (path: string) => Promise<FloatTensor>,
  channels: number,
): Promise<Scores> {
  const scores: Scores[] = [];
  for (const [stem, path] of truth) {
    const [output, expected] = await Promise.all([load(others.get(stem)!), readTensor(path, channels)]);
    if (output.shape.join() !== expected.shape.join()) {
      const size = ({ shape }: FloatTensor) => `${shape[2]}×${shape[1]}`;
      throw new PixcycleError(
        "E_SHAPE",
        `${others.get(stem)} is ${size(output)} and ${path} is ${size(expected)}.`,
        { hint: "Only images of equal size can be compared." },
      );
    }
    scores.push(scoreImage(output, expected));
  }
  return meanScores(scores);
}

async function readTensor(path: string, channels: number): Promise<FloatTensor> {
  return imageToTensor(await decodeImage(path, { channels }));
}

/** The images of a folder by name without ending, sorted. @throws PixcycleError E_DATA_MISSING, E_DATA_EMPTY */
export async function listByStem(folder: string): Promise<Map<string, string>> {
  const files = await readdir(folder).catch((cause: unknown) => {
    throw new PixcycleError("E_DATA_MISSING", `${folder}: no such folder.`, {
      hint: "Check the path.",
      cause,
    });
  });
  const images = files.filter((file) => IMAGE_EXTENSIONS.has(extname(file).toLowerCase())).sort();
  if (images.length === 0) throw new PixcycleError("E_DATA_EMPTY", `${folder} holds no images.`);
  return new Map(images.map((file) => [file.slice(0, -extname(file).length), join(folder, file)]));
}

/** For every stem of `truth`, its image in `folder`, under its own name or with one of the suffixes. */
async function partners(
  truth: ReadonlyMap<string, string>,
  folder: string,
  suffixes: readonly string[],
): Promise<Map<string, string>> {
  const found = await listByStem(folder);
  const pairs = new Map<string, string>();
  for (const [stem, path] of truth) {
    const suffix = suffixes.find((candidate) => found.has(stem + candidate));
    if (suffix === undefined) {
      throw new PixcycleError("E_DATA_PAIR", `${path} has no partner in ${folder}.`, {
        hint: "Images are compared by name.",
      });
    }
    pairs.set(stem, found.get(stem + suffix)!);
  }
  return pairs;
}
