import { readdir, stat } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { PixcycleError } from "../errors.js";
import { resolveDirectory } from "../formats/atomic.js";
import { checkpointStep } from "../training/checkpoint.js";
import { findCheckpoint, type RunFolder, runFolder } from "../training/run-folder.js";

/** What a path to a trained model turned out to be. */
export type ModelFiles =
  | { readonly kind: "run"; readonly folder: RunFolder; readonly checkpoint: string }
  | { readonly kind: "checkpoint"; readonly checkpoint: string }
  /** Loose weight files, such as `latest_net_G_A.pth` of the reference, by network name. */
  | { readonly kind: "weights"; readonly path: string; readonly networks: ReadonlyMap<string, string> };

/** Where and of which moment a model is looked for. */
export interface FindModelOptions {
  /** Which checkpoint of a run, or which prefix of the reference's files: latest, an epoch, step-N. */
  readonly epoch?: string;
  /** Where a run is looked for by its name. */
  readonly runs_dir?: string;
}

const WEIGHT_FILE = /^(?:(.+)_)?(net_[GD](?:_[AB])?)\.(?:safetensors|pth|pt)$/;

/**
 * Finds the files of a trained model: a run's folder or its name, a checkpoint's folder, a folder of weight files,
 * or a weight file.
 * @throws PixcycleError E_CHECKPOINT_MISSING with where was looked
 */
export async function findModel(path: string, options: FindModelOptions = {}): Promise<ModelFiles> {
  const { epoch = "latest", runs_dir = "runs" } = options;
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile() === true) {
    const name = WEIGHT_FILE.exec(basename(path))?.[2] ?? "net_G";
    return { kind: "weights", path, networks: new Map([[name, path]]) };
  }
  if (checkpointStep(basename(path)) !== undefined && (await resolveDirectory(path)) !== undefined) {
    return { kind: "checkpoint", checkpoint: path };
  }
  for (const folder of [path, join(runs_dir, path)]) {
    const model = await openFolder(folder, epoch);
    if (model !== undefined) return model;
  }
  if (found === undefined) {
    throw new PixcycleError(
      "E_CHECKPOINT_MISSING",
      `There is no ${path}, and no run of this name in ${runs_dir}.`,
      {
        hint: "Give a run's name or folder, a checkpoint's folder, or a .safetensors, .pth or .pict file.",
      },
    );
  }
  throw new PixcycleError("E_CHECKPOINT_MISSING", `${path} holds no trained model.`, {
    hint: "Give a folder with checkpoints, or with files such as latest_net_G.pth.",
  });
}

async function openFolder(path: string, epoch: string): Promise<ModelFiles | undefined> {
  const names = await readdir(path).catch(() => undefined);
  if (names === undefined) return undefined;
  if (names.includes("state.json")) return { kind: "checkpoint", checkpoint: path };
  if (names.includes("checkpoints") || names.includes("config.json")) {
    const folder = runFolder({ runs_dir: dirname(path), name: basename(path) });
    const checkpoint = await findCheckpoint(folder, epoch);
    if (checkpoint !== undefined) return { kind: "run", folder, checkpoint };
    throw new PixcycleError("E_CHECKPOINT_MISSING", `The run ${path} has no checkpoint yet.`, {
      hint: "Train it further.",
    });
  }
  return weightsFolder(path, names, epoch);
}

function weightsFolder(path: string, names: readonly string[], epoch: string): ModelFiles | undefined {
  const files = names.flatMap((name) => {
    const match = WEIGHT_FILE.exec(name);
    return match === null ? [] : [{ name, prefix: match[1], network: match[2]! }];
  });
  if (files.length === 0) return undefined;
  const wanted = (prefix: string | undefined) =>
    prefix === epoch || (prefix === undefined && epoch === "latest");
  // Of equal names, safetensors come last in this order and win.
  const chosen = files.filter(({ prefix }) => wanted(prefix)).sort((a, b) => (a.name < b.name ? -1 : 1));
  if (chosen.length > 0) {
    return {
      kind: "weights",
      path,
      networks: new Map(chosen.map(({ name, network }) => [network, join(path, name)])),
    };
  }
  const epochs = [...new Set(files.map(({ prefix }) => prefix ?? "latest"))].sort();
  throw new PixcycleError("E_CHECKPOINT_MISSING", `${path} has no weights of epoch ${epoch}.`, {
    hint: `There are ${epochs.join(", ")}. Choose with --epoch.`,
  });
}

/** What results of a model are called. */
export function modelName(files: ModelFiles): string {
  if (files.kind === "run") return basename(files.folder.path);
  if (files.kind === "weights") {
    const folder = basename(files.path);
    return files.path === [...files.networks.values()][0] ? folder.slice(0, -extname(folder).length) : folder;
  }
  // runs/NAME/checkpoints/step-…
  const parent = dirname(files.checkpoint);
  return basename(parent) === "checkpoints" ? basename(dirname(parent)) : basename(files.checkpoint);
}
