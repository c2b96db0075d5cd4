import { join } from "node:path";
import { PixcycleError } from "../errors.js";
import { writeFileAtomic } from "../formats/atomic.js";
import { inferGenerator } from "../networks/infer.js";
import { defaults } from "../options/presets.js";
import { givenOptions, type OptionValues, type ResolvedOptions } from "../options/resolve.js";
import type { Options } from "../options/schema.js";
import { nodeServices } from "../training/node.js";
import { checkRunFolder, runFolder } from "../training/run-folder.js";
import { resolveTraining, runSession } from "../training/session.js";
import type { TrainControls } from "../training/train.js";
import { inNewRunFolder } from "../training/unbegun.js";
import {
  directionOf,
  type FoundGenerator,
  loadTranslator,
  readModel,
  type TranslatorOptions,
} from "../translation/load.js";
import type { Translator } from "../translation/translator.js";
import { type Comparison, compare } from "./compare.js";
import { openHeldOut, sourceBefore, type TeacherSource, writeTeacherData } from "./teacher-data.js";

/** How a distillation is watched and ended, and how its teacher translates. */
export interface DistillControls extends TrainControls {
  /** The teacher translates with running statistics and without dropout, instead of as in training. */
  readonly evaluate?: boolean;
  /** Called after every image that the teacher has translated for the student. */
  readonly onTeacherImage?: (done: number, total: number) => void;
}

/** What `distill` returns. */
export interface DistillReport {
  /** The student's options. */
  readonly options: Options;
  /** The student's run. */
  readonly folder: string;
  /** Steps trained; if it was stopped before the first one, nothing is left. */
  readonly step: number;
  readonly finished: boolean;
  /** The newest checkpoint that was written. */
  readonly checkpoint: string | undefined;
  /** Of held-out images; undefined if the training was interrupted, or the data set has none. */
  readonly comparison: (Comparison & { readonly phase: string; readonly grid: string }) | undefined;
}

interface Work {
  readonly teacher: string;
  readonly given: OptionValues;
  readonly controls: DistillControls;
  readonly source: TeacherSource;
  readonly resolved: ResolvedOptions;
}

/**
 * Trains a small generator to do what a large one does. The teacher translates every image of a data set, once; on
 * these pairs the student is trained as pix2pix: L1 to the teacher's output, and an adversarial loss. So a CycleGAN's
 * student, too, learns from pairs (Li et al., "GAN Compression", 2020). Then both are compared on held-out images.
 *
 * ```ts
 * const { comparison } = await distill("runs/horses", { dataroot: "datasets/horse2zebra", ngf: 32, name: "small" });
 * ```
 *
 * @param teacher a trained generator, as for `loadTranslator`
 * @param options `dataroot`, `dataset_mode`, `direction` and `phase` say where the teacher's inputs are, by default those
 *   of its training; the others are the student's training. What is left out comes from the teacher, where that
 *   decides it (sizes of images, channels, `learn_residual`), and from the preset mobile-pix2pix
 * @throws PixcycleError as `train` and `loadTranslator`; E_OPTION without a data set; E_OPTION_CONFLICT for a teacher
 *   that finds colours, and for a run that is continued with another teacher
 */
export async function distill(
  teacher: string,
  options: Readonly<Record<string, unknown>>,
  controls: DistillControls = {},
): Promise<DistillReport> {
  const work = await plan(teacher, givenOptions({ flags: options }), controls);
  const { signal, onNotice } = controls;
  for (const warning of work.resolved.warnings) onNotice?.(`warning: ${warning}`);
  const student = work.resolved.options;
  const folder = runFolder(student);
  await checkRunFolder(folder, student);
  const result = await inNewRunFolder(folder, () => trainStudent(work)).catch((error: unknown) => {
    if (signal?.aborted === true && error === signal.reason) return undefined;
    throw error;
  });
  const finished = result?.finished === true;
  return {
    ...{ options: student, folder: folder.path, step: result?.position.step ?? 0 },
    ...{ finished, checkpoint: result?.checkpoint },
    comparison: finished ? await compareWithTeacher(work) : undefined,
  };
}

/** Finds out what is to be done, from what was asked and what the teacher is. */
async function plan(teacher: string, given: OptionValues, controls: DistillControls): Promise<Work> {
  const found = await readModel(teacher, teacherOptions({ given, controls }));
  if (found.colorization) {
    throw new PixcycleError("E_OPTION_CONFLICT", `${found.path} finds colours: it has no student yet.`, {
      hint: "Train a small one on colour images: --preset mobile-pix2pix --dataset_mode colorization.",
    });
  }
  const place = { ...defaults, ...given, name: given.name ?? `${found.name}-small` };
  const data = join(runFolder(place).path, "data");
  const { dataroot: _, dataset_mode: __, direction: ___, phase: ____, ...student } = given;
  const flags = { ...student, name: place.name };
  const file = { path: "the teacher", values: studentSettings(found, data) };
  // A continued run has its options already.
  const resolved = await resolveTraining(place.continue_train ? { flags } : { file, flags });
  const source = await findSource(found, given, place.continue_train ? data : undefined);
  return { teacher, given, controls, source, resolved };
}

const teacherOptions = ({ given, controls }: Pick<Work, "given" | "controls">): TranslatorOptions => {
  const { direction, runs_dir, threads, device, seed } = given;
  return {
    ...(direction !== undefined && { direction }),
    ...(runs_dir !== undefined && { runs_dir }),
    ...(threads !== undefined && { threads }),
    ...(device !== undefined && { device }),
    ...(seed !== undefined && { seed }),
    evaluate: controls.evaluate === true,
  };
};

/** What the student takes over: it sees images as its teacher did, and has the same channels. */
function studentSettings({ weights, path, trained }: FoundGenerator, dataroot: string): OptionValues {
  const { architecture } = inferGenerator(weights, path, trained);
  return {
    ...{ preset: "mobile-pix2pix", model: "pix2pix", dataroot, dataset_mode: "aligned", direction: "AtoB" },
    ...{ input_nc: architecture.inputChannels, output_nc: architecture.outputChannels },
    learn_residual: architecture.learn_residual === true,
    ...(trained !== undefined && {
      ...{ preprocess: trained.preprocess, load_size: trained.load_size, crop_size: trained.crop_size },
      ...{ no_flip: trained.no_flip, interpolation: trained.interpolation },
    }),
  };
}

/**
 * Where the teacher's inputs are: as it was said, else as at the begin of a continued run, else as the teacher was trained.
 * @param data the pairs of a continued run
 */
async function findSource(
  found: FoundGenerator,
  given: OptionValues,
  data: string | undefined,
): Promise<TeacherSource> {
  const before = data === undefined ? undefined : await sourceBefore(data);
  const dataroot = given.dataroot ?? before?.dataroot ?? found.trained?.dataroot;
  if (dataroot === undefined) {
    throw new PixcycleError("E_OPTION", "No data set is given.", {
      hint: "Give the folder with the teacher's inputs with --dataroot.",
    });
  }
  const known = before ?? {
    dataset_mode: found.trained?.dataset_mode ?? (found.generator === "net_G" ? "aligned" : "unaligned"),
    direction: directionOf(found),
    phase: "train",
  };
  const { dataset_mode, direction, phase } = { ...known, ...given };
  return { dataroot, dataset_mode, direction, phase };
}

async function withTeacher<T>(work: Work, use: (translator: Translator) => Promise<T>): Promise<T> {
  const translator = await loadTranslator(work.teacher, teacherOptions(work));
  try {
    return await use(translator);
  } finally {
    await translator.close();
  }
}

/** Has the teacher translate its inputs, and trains the student on what came out. */
async function trainStudent(work: Work) {
  const { resolved, source, controls } = work;
  const { options } = resolved;
  const { signal, evaluate: _, onTeacherImage, ...hooks } = controls;
  await withTeacher(work, async (teacher) => {
    const { weights, architecture, direction, dropout } = teacher.info;
    hooks.onNotice?.(
      `teacher: ${architecture.netG}, ngf ${architecture.ngf} of ${weights}, ${direction}${dropout ? ", with dropout" : ""}; ` +
        `student: ${options.netG}, ngf ${options.ngf}`,
    );
    await writeTeacherData({
      ...{ teacher, source, options, folder: options.dataroot },
      ...(onTeacherImage && { onImage: onTeacherImage }),
      ...(signal && { signal }),
    });
  });
  return runSession(resolved, nodeServices, { hooks, ...(signal && { signal }) });
}

/** Compares the trained student with its teacher; writes `distillation.json` and `grid.png` into the run. */
async function compareWithTeacher(work: Work): Promise<DistillReport["comparison"]> {
  const { options } = work.resolved;
  const held = await openHeldOut(work.source);
  if (held === undefined) return undefined;
  const folder = runFolder(options).path;
  const { threads, device, preprocess, crop_size, interpolation } = options;
  const student = await loadTranslator(folder, { threads, device });
  try {
    const grid = join(folder, "grid.png");
    const preparation = { preprocess, crop_size, load_size: crop_size, interpolation };
    const comparison = await withTeacher(work, (teacher) =>
      compare({ teacher, student, images: held.images, preparation, grid }),
    );
    const result = { ...comparison, phase: held.phase, grid };
    const record = { ...result, teacherWeights: work.teacher, scores: Object.fromEntries(comparison.scores) };
    await writeFileAtomic(join(folder, "distillation.json"), `${JSON.stringify(record, undefined, 2)}\n`);
    return result;
  } finally {
    await student.close();
  }
}
