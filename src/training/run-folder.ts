import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { PixcycleError } from "../errors.js";
import { fileWriteError, removePartials, writeFileAtomic } from "../formats/atomic.js";
import { makeFolder } from "../formats/make-folder.js";
import { type ResolvedOptions, resolveOptions } from "../options/resolve.js";
import type { Options } from "../options/schema.js";
import { version } from "../version.js";
import { checkpointName, listCheckpoints, readRecord, wholeCheckpoints } from "./checkpoint.js";

/** The paths of a run, `runs_dir/name`. */
export interface RunFolder {
  readonly path: string;
  readonly config: string;
  readonly metrics: string;
  readonly samples: string;
  readonly checkpoints: string;
  /** A text file with the name of the newest checkpoint. */
  readonly latest: string;
  /** Likewise of the checkpoint with the lowest validation distance; there only after a validation. */
  readonly best: string;
}

/** What the names of TensorBoard's files begin with. */
const EVENTS = "events.out.tfevents.";

/** The paths of the run that the options name; nothing is touched. */
export function runFolder({ runs_dir, name }: Pick<Options, "runs_dir" | "name">): RunFolder {
  const path = join(runs_dir, name);
  return {
    path,
    config: join(path, "config.json"),
    metrics: join(path, "metrics.jsonl"),
    samples: join(path, "samples"),
    checkpoints: join(path, "checkpoints"),
    latest: join(path, "latest"),
    best: join(path, "best"),
  };
}

/**
 * Checks, before anything costly is done, that the run may begin and that its folder can be written.
 * @throws PixcycleError E_OPTION_CONFLICT for a run that exists, E_CHECKPOINT_MISSING for one to be continued that
 * does not, E_FILE_WRITE for a folder that cannot be written
 */
export async function checkRunFolder(folder: RunFolder, options: Options): Promise<void> {
  const exists = (await readConfig(folder)) !== undefined || (await hasCheckpoints(folder));
  if (options.continue_train && !exists) {
    throw new PixcycleError("E_CHECKPOINT_MISSING", `There is no run ${folder.path} to continue.`, {
      hint: "Check --name and --runs_dir, or leave --continue_train out.",
    });
  }
  if (exists && !options.continue_train && !options.overwrite) {
    throw new PixcycleError("E_OPTION_CONFLICT", `${folder.path} already holds a run.`, {
      hint: "Continue it with --continue_train, replace it with --overwrite, or choose another --name.",
    });
  }
  const probe = join(folder.checkpoints, `.probe-${process.pid}`);
  try {
    const created = await makeFolder(folder.checkpoints);
    await writeFile(probe, "probe");
    // What follows may still fail: no empty folders are left behind.
    await rm(created ?? probe, { recursive: true });
  } catch (cause) {
    throw fileWriteError(folder.path, cause);
  }
}

/** Removes an earlier run's files if there are any, and records the options. The samples of a continued run stay. */
export async function beginRun(folder: RunFolder, resolved: ResolvedOptions): Promise<void> {
  if (!resolved.options.continue_train) {
    const found = await readdir(folder.path).catch(() => []);
    const events = found.filter((name) => name.startsWith(EVENTS)).map((name) => join(folder.path, name));
    for (const path of [
      ...events,
      folder.latest,
      folder.best,
      folder.checkpoints,
      folder.samples,
      folder.metrics,
      folder.config,
    ]) {
      await rm(path, { recursive: true, force: true });
    }
  }
  await makeFolder(folder.checkpoints);
  await makeFolder(folder.samples);
  await removePartials(folder.checkpoints);
  await writeRunOptions(folder, resolved);
}

/** Records the options of a run, to be continued with. */
export async function writeRunOptions(folder: RunFolder, resolved: ResolvedOptions): Promise<void> {
  const { options, origins } = resolved;
  const config = { format: "pixcycle run", version: 1, writer: version, options, origins };
  await writeFileAtomic(folder.config, `${JSON.stringify(config, undefined, 2)}\n`);
}

/**
 * The options of an earlier run, as the base of its continuation.
 * @throws PixcycleError E_CHECKPOINT_MISSING if there is no such run
 */
export async function readRunOptions(
  folder: RunFolder,
): Promise<Pick<ResolvedOptions, "options" | "origins">> {
  const config = await readConfig(folder);
  if (config === undefined) {
    throw new PixcycleError("E_CHECKPOINT_MISSING", `There is no run ${folder.path} to continue.`, {
      hint: "Check --name and --runs_dir, or leave --continue_train out.",
    });
  }
  const once = { continue_train: false, overwrite: false, epoch: "latest" };
  const file = { path: folder.config, values: { ...config.options, ...once } };
  const { options, origins } = resolveOptions({ file });
  return { options, origins: { ...origins, ...config.origins } };
}

async function readConfig(folder: RunFolder): Promise<ResolvedOptions | undefined> {
  const text = await readFile(folder.config, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as ResolvedOptions;
  } catch (cause) {
    const hint = "Give the options on the command line, with another --name.";
    throw new PixcycleError("E_FILE_FORMAT", `${folder.config} is not JSON.`, { hint, cause });
  }
}

async function hasCheckpoints(folder: RunFolder): Promise<boolean> {
  return (await listCheckpoints(folder.checkpoints)).length > 0;
}

/**
 * The path of the checkpoint that `--epoch` means: `latest`, `best`, `step-N`, or the number of an ended epoch.
 * Undefined if the run has none yet and the latest is asked for.
 * @throws PixcycleError E_CHECKPOINT_MISSING, naming those that there are
 */
export async function findCheckpoint(folder: RunFolder, epoch: string): Promise<string | undefined> {
  const names = await listCheckpoints(folder.checkpoints);
  if (epoch === "latest") {
    const text = await readFile(folder.latest, "utf8").catch(() => undefined);
    const name = text?.trim() ?? names.at(-1);
    if (name === undefined) return undefined;
    if (names.includes(name)) return join(folder.checkpoints, name);
    throw missing(`${folder.latest} names ${name}, which is not there`, names);
  }
  if (epoch === "best") {
    const name = (await readFile(folder.best, "utf8").catch(() => "")).trim();
    if (names.includes(name)) return join(folder.checkpoints, name);
    throw missing(`${folder.path} has no best checkpoint: --val_freq makes one`, names);
  }
  const found = epoch.startsWith("step-")
    ? names.find((name) => name === checkpointName(Number(epoch.slice("step-".length))))
    : await endOfEpoch(folder, names, Number(epoch));
  if (found === undefined) throw missing(`${folder.path} has no checkpoint of ${describe(epoch)}`, names);
  return join(folder.checkpoints, found);
}

function describe(epoch: string): string {
  return epoch.startsWith("step-") ? epoch : `the end of epoch ${epoch}`;
}

async function endOfEpoch(folder: RunFolder, names: readonly string[], epoch: number) {
  for (const name of names) {
    const record = await readRecord(join(folder.checkpoints, name)).catch(() => undefined);
    if (record?.position.epoch === epoch + 1 && record.position.batch === 0) return name;
  }
  return undefined;
}

function missing(message: string, names: readonly string[]): PixcycleError {
  const choices = names.length === 0 ? "It has none yet." : `There are ${names.join(", ")}.`;
  return new PixcycleError("E_CHECKPOINT_MISSING", `${message}.`, {
    hint: `${choices} Choose with --epoch.`,
  });
}

/** Adds to an error about a damaged checkpoint which others of the run are whole, and how to continue from one. */
export async function withAlternatives(error: PixcycleError, folder: RunFolder): Promise<PixcycleError> {
  const whole = await wholeCheckpoints(folder.checkpoints);
  const newest = whole.at(-1);
  const hint =
    newest === undefined
      ? "The run has no whole checkpoint: train it again with --overwrite."
      : `Whole: ${whole.join(", ")}. Continue with --continue_train --epoch ${newest}.`;
  return new PixcycleError(error.code, error.message, { hint, cause: error });
}

/** Records which checkpoint is the best. */
export async function writeBest(folder: RunFolder, step: number): Promise<void> {
  await writeFileAtomic(folder.best, `${checkpointName(step)}\n`);
}

/** Records which checkpoint is the newest. */
export async function writeLatest(folder: RunFolder, checkpoint: string): Promise<void> {
  await writeFileAtomic(folder.latest, `${basename(checkpoint)}\n`);
}
