import { mkdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { convertChannels } from "../data/channels.js";
import { encodeImage } from "../data/image.js";
import { scaleImage } from "../data/transforms.js";
import { PixcycleError } from "../errors.js";
import { openTestSet, type TestImage, type TestSet, type TestSetOptions } from "../evaluation/test-set.js";
import {
  createDirectoryAtomic,
  removeDirectoryAtomic,
  removePartials,
  writeFileAtomic,
} from "../formats/atomic.js";
import type { Options } from "../options/schema.js";
import type { Translator } from "../translation/translator.js";

/** Where a teacher's inputs are: the data set that it was trained on, or another. */
export type TeacherSource = TestSetOptions;

/** The phases that hold images which are not trained on, in the order in which they are looked for. */
const HELD_OUT = ["test", "val"];
/** In a folder of pairs: what they were made of. It is written last. */
const MARKER = "distill.json";

/** How the pairs are made, and who is told. */
export interface TeacherDataRequest {
  readonly teacher: Translator;
  readonly source: TeacherSource;
  /** The student's: how images are resized. */
  readonly options: Pick<Options, "preprocess" | "load_size" | "crop_size" | "no_flip" | "interpolation"> &
    Pick<Options, "max_dataset_size" | "continue_train">;
  /** The folder for the pairs. */
  readonly folder: string;
  readonly onImage?: (done: number, total: number) => void;
  /** When aborted, what was made is removed, and `AbortSignal`'s reason thrown. */
  readonly signal?: AbortSignal;
}

/** The held-out images of a data set, and of which phase they are; undefined without any. */
export async function openHeldOut(source: TeacherSource): Promise<(TestSet & { phase: string }) | undefined> {
  for (const phase of HELD_OUT.filter((name) => name !== source.phase)) {
    try {
      return { ...(await openTestSet({ ...source, phase })), phase };
    } catch (error) {
      if (!(error instanceof PixcycleError) || error.code !== "E_DATA_MISSING") throw error;
    }
  }
  return undefined;
}

/**
 * Writes what a teacher makes of a data set as pairs, whole or not at all: `trainA` its inputs, resized as the student
 * will see them but not cropped, `trainB` its outputs, and `testA` and `testB` the same of the held-out images. Pairs
 * that are there already stay, if they were made of the same.
 * @throws PixcycleError E_OPTION_CONFLICT for a run that is continued with other pairs; E_DATA_…, E_IMAGE_…, E_MEMORY,
 *   E_FILE_WRITE
 */
export async function writeTeacherData(request: TeacherDataRequest): Promise<void> {
  const { source, folder, options, onImage, signal } = request;
  const train = await openTestSet(source);
  const most = options.max_dataset_size === 0 ? train.images.length : options.max_dataset_size;
  const phases = { train: train.images.slice(0, most), test: (await openHeldOut(source))?.images ?? [] };
  const marker = `${JSON.stringify(await ingredients(request, phases), undefined, 2)}\n`;
  const written = await readFile(join(folder, MARKER), "utf8").catch(() => undefined);
  if (written === marker) return;
  if (written !== undefined && options.continue_train) {
    throw new PixcycleError(
      "E_OPTION_CONFLICT",
      `${folder} was made by another teacher or of other images.`,
      {
        hint: `Continue with what ${join(folder, MARKER)} says, or begin another run with --name.`,
      },
    );
  }
  // Of an earlier attempt that was killed.
  await removePartials(dirname(folder));
  if (written !== undefined) await removeDirectoryAtomic(folder);
  await createDirectoryAtomic(folder, async (partial) => {
    const total = phases.train.length + phases.test.length;
    let done = 0;
    for (const [phase, images] of Object.entries(phases)) {
      if (images.length === 0) continue;
      for (const side of ["A", "B"]) await mkdir(join(partial, phase + side));
      for (const [index, image] of images.entries()) {
        signal?.throwIfAborted();
        await writePair(request, image, (side) => join(partial, phase + side, fileName(index, image)));
        onImage?.(++done, total);
      }
    }
    await writeFileAtomic(join(partial, MARKER), marker);
  });
}

/** Where the inputs of pairs came from that are there already; undefined where that cannot be told. */
export async function sourceBefore(folder: string): Promise<TeacherSource | undefined> {
  const written = await readFile(join(folder, MARKER), "utf8").catch(() => undefined);
  return written === undefined ? undefined : (JSON.parse(written) as { source: TeacherSource }).source;
}

/** Everything that the pairs depend on, but the content of the images. */
async function ingredients(
  { teacher, source, options }: TeacherDataRequest,
  phases: Readonly<Record<"train" | "test", readonly TestImage[]>>,
) {
  const { weights, generator, evaluate, dropout, architecture } = teacher.info;
  const { size, mtimeMs } = await stat(weights);
  const { preprocess, load_size, crop_size, interpolation, max_dataset_size } = options;
  return {
    teacher: { weights, generator, evaluate, dropout, bytes: size, changed: Math.round(mtimeMs) },
    channels: [architecture.inputChannels, architecture.outputChannels],
    source,
    images: { ...{ preprocess, load_size, crop_size, interpolation, max_dataset_size } },
    train: phases.train.length,
    test: phases.test.length,
  };
}

async function writePair(
  { teacher, options }: TeacherDataRequest,
  image: TestImage,
  pathOf: (side: "A" | "B") => string,
): Promise<void> {
  const { input } = await image.load();
  const { inputChannels } = teacher.info.architecture;
  const sized = scaleImage(convertChannels(input, inputChannels, image.name), options);
  const tensor = teacher.coding.encode(sized);
  const [output] = await teacher.translateTensors([tensor]);
  const translated = teacher.coding.decode(output!, tensor, sized.depth);
  for (const [side, made] of [
    ["A", sized],
    ["B", translated],
  ] as const) {
    // PNG has four channels at most.
    const format = made.channels > 4 ? "tiff" : "png";
    await writeFileAtomic(`${pathOf(side)}.${format}`, await encodeImage(made, format));
  }
}

/** Numbered, since images of different folders can have the same name. */
const fileName = (index: number, { name }: TestImage): string => `${String(index).padStart(6, "0")}-${name}`;
