import { readdir } from "node:fs/promises";
import { basename, extname, resolve } from "node:path";
import { type Coding, colorizationCoding, sampleCoding } from "../../data/coding.js";
import { decodeImage, IMAGE_EXTENSIONS } from "../../data/image.js";
import { type Image, imageToTensor } from "../../data/pixels.js";
import { PixcycleError } from "../../errors.js";
import { listByStem, OUTPUT_SUFFIXES } from "../../evaluation/folders.js";
import type { FloatTensor } from "../../formats/tensor.js";
import type { DataOptions } from "../../options/schema.js";
import { loadTranslator, type TranslatorOptions } from "../../translation/load.js";
import type { Preparation } from "../../translation/prepare.js";

/** Where the evaluated outputs come from: a model that translates, or a folder that has them. */
export interface OutputSource {
  readonly name: string;
  /** What made them, as a fact of the protocol. */
  readonly description: string;
  readonly direction: DataOptions["direction"];
  /** Whether the model was made for pairs; undefined where that is not known. */
  readonly paired: boolean | undefined;
  readonly preparation: Preparation;
  /** Whether it finds the colours of images. */
  readonly colorization: boolean;
  readonly coding: Coding;
  /** The output for a prepared input, [C, H, W] in [−1, 1], rounded to the bits of a file. */
  output(name: string, input: Image): Promise<FloatTensor>;
  close(): Promise<void>;
}

/**
 * Opens a folder of outputs, or a trained model in any form that `pixcycle translate` takes.
 * @throws PixcycleError as `loadTranslator`
 */
export async function openSource(path: string, options: TranslatorOptions): Promise<OutputSource> {
  return (await holdsOutputs(path)) ? folderSource(path, options) : modelSource(path, options);
}

/** A folder with images in it that is no run. */
async function holdsOutputs(path: string): Promise<boolean> {
  const names = await readdir(path).catch(() => [] as string[]);
  const isRun = names.includes("checkpoints") || names.includes("config.json");
  return !isRun && names.some((name) => IMAGE_EXTENSIONS.has(extname(name).toLowerCase()));
}

async function modelSource(path: string, options: TranslatorOptions): Promise<OutputSource> {
  const translator = await loadTranslator(path, options);
  const { info } = translator;
  const { coding } = translator;
  const { netG, ngf, norm } = info.architecture;
  const statistics = norm === "batch" ? (info.evaluate ? ", running statistics" : ", batch statistics") : "";
  const dropout = info.dropout ? ", dropout on" : ", no dropout";
  return {
    ...{
      name: info.name,
      direction: info.direction,
      preparation: info.preparation,
      colorization: info.colorization,
      coding,
    },
    description: `${info.weights}, ${netG}, ngf ${ngf}, norm ${norm}${statistics}${dropout}`,
    paired: info.generator === "net_G",
    async output(_name, input) {
      const tensor = coding.encode(input);
      const [result] = await translator.translateTensors([tensor]);
      // Scores are of what a file would hold.
      return imageToTensor(coding.decode(result!, tensor, input.depth));
    },
    close: () => translator.close(),
  };
}

async function folderSource(path: string, options: TranslatorOptions): Promise<OutputSource> {
  const files = await listByStem(path);
  const colorization = options.dataset_mode === "colorization";
  const { preprocess = "none", crop_size = 256, load_size = crop_size } = options;
  const find = (name: string): string => {
    const suffix = OUTPUT_SUFFIXES.find((candidate) => files.has(name + candidate));
    if (suffix !== undefined) return files.get(name + suffix)!;
    throw new PixcycleError("E_DATA_PAIR", `${path} has no output for ${name}.`, {
      hint: `Name it ${name}.png or ${name}_fake_B.png.`,
    });
  };
  return {
    name: basename(resolve(path)),
    description: `the images of ${path}`,
    direction: options.direction ?? "AtoB",
    paired: undefined,
    preparation: { preprocess, crop_size, load_size },
    colorization,
    coding: colorization ? colorizationCoding : sampleCoding({ inputChannels: 3, outputChannels: 3 }),
    output: async (name) => imageToTensor(await decodeImage(find(name), { channels: 3 })),
    close: async () => undefined,
  };
}
