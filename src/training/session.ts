import { PixcycleError } from "../errors.js";
import type { FloatTensor } from "../formats/tensor.js";
import { defaults } from "../options/presets.js";
import {
  givenOptions,
  type OptionSources,
  type ResolvedOptions,
  resolveOptions,
} from "../options/resolve.js";
import type { Options } from "../options/schema.js";
import type { ModelRunner } from "../runtime/runner.js";
import { checkArchitecture } from "./architecture.js";
import { loadCheckpoint } from "./checkpoint.js";
import { diskWarning, freeSpace, keptCheckpoints } from "./disk.js";
import { FolderStore } from "./folder-store.js";
import type { TrainHooks } from "./hooks.js";
import { checkMemory, describeMemory, type MemoryEstimate } from "./memory.js";
import { continuePosition, startPosition, type TrainingPosition } from "./position.js";
import { checkPretrained, loadPretrained } from "./pretrained.js";
import {
  beginRun,
  checkRunFolder,
  findCheckpoint,
  type RunFolder,
  readRunOptions,
  runFolder,
  withAlternatives,
} from "./run-folder.js";
import { runTraining, type TrainingData, type TrainingResult } from "./trainer.js";

/** What a training needs from the layers below; `node.ts` has the real ones. */
export interface TrainingServices {
  /** Rejects with the signal's reason when it is aborted before the data is open. */
  openData(options: Options, signal?: AbortSignal): Promise<TrainingData>;
  createRunner(options: Options): Promise<ModelRunner>;
  estimateMemory(options: Options, largest: TrainingData["largest"]): MemoryEstimate;
  /** Opens the validation images and returns how to measure the runner on them. */
  openValidation(options: Options, runner: ModelRunner): Promise<() => Promise<number>>;
  /** Writes a step's images into a folder, returns the path. */
  writeSample(
    folder: string,
    step: number,
    images: Readonly<Record<string, FloatTensor>>,
    options: Options,
  ): Promise<string>;
}

/** How a training is watched and ended. */
export interface TrainingControls {
  readonly hooks?: TrainHooks;
  /** When aborted, the step in progress is finished and saved, and the training returns. */
  readonly signal?: AbortSignal;
  /** When to end, whatever the options say: see `TrainerParts`. */
  readonly deadline?: number;
}

/**
 * The complete options of a training. With `continue_train`, those of the earlier run are the base, so that its
 * name is all that has to be given.
 * @throws PixcycleError as `resolveOptions`; E_OPTION without a data set or the weights that `vgg16_unet` starts from;
 *   E_CHECKPOINT_MISSING for an earlier run that is not there
 */
export async function resolveTraining(sources: Omit<OptionSources, "run">): Promise<ResolvedOptions> {
  const given = { ...defaults, ...givenOptions(sources) };
  const run = given.continue_train ? { run: await readRunOptions(runFolder(given)) } : {};
  const resolved = resolveOptions({ ...sources, ...run });
  if (resolved.options.dataroot === "") {
    throw new PixcycleError("E_OPTION", "No data set is given.", {
      hint: "Give its folder with --dataroot.",
    });
  }
  // A continued run has its weights already.
  if (!given.continue_train) checkPretrained(resolved.options);
  return resolved;
}

/**
 * Runs a whole training: checks the run's folder, opens the data, builds the model, restores a continued run,
 * trains. An earlier run is replaced only once data and model are known to be good, and the training was not stopped
 * before.
 */
export async function runSession(
  resolved: ResolvedOptions,
  services: TrainingServices,
  controls: TrainingControls = {},
): Promise<TrainingResult> {
  try {
    return await openAndTrain(resolved, services, controls);
  } catch (error) {
    if (!controls.signal?.aborted || error !== controls.signal.reason) throw error;
    return {
      position: startPosition(resolved.options, 0),
      finished: false,
      checkpoint: undefined,
      losses: {},
      waiting: 0,
    };
  }
}

/** @throws the signal's reason when a training is stopped before there is anything to continue */
async function openAndTrain(
  resolved: ResolvedOptions,
  services: TrainingServices,
  { hooks, signal, deadline }: TrainingControls,
): Promise<TrainingResult> {
  const { options } = resolved;
  // A continued run has a position to report: its trainer looks at the signal.
  const stopEarly = options.continue_train ? undefined : signal;
  const folder = runFolder(options);
  await checkRunFolder(folder, options);
  const data = await services.openData(options, stopEarly);
  try {
    const estimate = services.estimateMemory(options, data.largest);
    hooks?.onNotice?.(describeMemory(estimate));
    checkMemory(estimate, options.max_memory);
    const runner = await services.createRunner(options);
    try {
      const start = await startOrContinue(folder, options, runner, data, hooks);
      const measured = options.lr_policy === "plateau" || options.val_freq > 0;
      const validate = measured ? { validate: await services.openValidation(options, runner) } : {};
      stopEarly?.throwIfAborted();
      await beginRun(folder, resolved);
      if (deadline === undefined) await warnOfDisk(folder, start, options, estimate, hooks);
      return await runTraining({
        ...{ options, runner, data, start, ...validate },
        store: new FolderStore(folder),
        ...(hooks === undefined ? {} : { hooks }),
        ...(signal === undefined ? {} : { signal }),
        ...(deadline === undefined ? {} : { deadline }),
        writeSample: (step, images) => services.writeSample(folder.samples, step, images, options),
      });
    } finally {
      await runner.close();
    }
  } finally {
    await data.close();
  }
}

async function warnOfDisk(
  { path }: RunFolder,
  start: TrainingPosition,
  options: Options,
  estimate: MemoryEstimate,
  hooks: TrainHooks | undefined,
): Promise<void> {
  const warning = diskWarning(keptCheckpoints(start, options), estimate, await freeSpace(path));
  if (warning !== undefined) hooks?.onNotice?.(warning);
}

/** Where the training begins; a continued one's state is loaded into the runner. */
async function startOrContinue(
  folder: RunFolder,
  options: Options,
  runner: ModelRunner,
  { batchesPerEpoch }: TrainingData,
  hooks: TrainHooks | undefined,
): Promise<TrainingPosition> {
  const saved = options.continue_train ? await restore(folder, options, runner, hooks) : undefined;
  if (saved === undefined) {
    await loadPretrained(options, runner);
    return startPosition(options, batchesPerEpoch);
  }
  const start = continuePosition(saved, options, batchesPerEpoch);
  if (saved.batch > 0 && start.batch === 0) {
    hooks?.onNotice?.(`the number of batches changed: epoch ${start.epoch} begins again`);
  }
  return start;
}

/** Loads the checkpoint that a continued run asks for into the runner. Undefined if there is none yet. */
async function restore(
  folder: RunFolder,
  options: Options,
  runner: ModelRunner,
  hooks: TrainHooks | undefined,
): Promise<TrainingPosition | undefined> {
  const path = await findCheckpoint(folder, options.epoch);
  if (path === undefined) {
    hooks?.onNotice?.(`${folder.path} has no checkpoint yet: the training begins from its start`);
    return undefined;
  }
  try {
    const { record, state } = await loadCheckpoint(path);
    checkArchitecture(path, record.options, options);
    await runner.loadState(state);
    hooks?.onNotice?.(`continuing from ${path}`);
    return record.position;
  } catch (error) {
    if (!(error instanceof PixcycleError) || error.code !== "E_CHECKPOINT_CORRUPT") throw error;
    throw await withAlternatives(error, folder);
  }
}

/**
 * The command that continues an interrupted training.
 * @param command what began it, with its arguments
 */
export function resumeCommand({ name, runs_dir }: Options, command: readonly string[] = ["train"]): string {
  const place = runs_dir === defaults.runs_dir ? "" : ` --runs_dir ${quote(runs_dir)}`;
  return `pixcycle ${command.map(quote).join(" ")} --continue_train --name ${name}${place}`;
}

function quote(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
