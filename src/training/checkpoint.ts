import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { PixcycleError } from "../errors.js";
import { removeDirectoryAtomic, resolveDirectory, writeDirectoryAtomic } from "../formats/atomic.js";
import { decodeSafetensors, encodeSafetensors } from "../formats/safetensors.js";
import type { TensorMap } from "../formats/tensor.js";
import { version } from "../version.js";
import type { CheckpointAbout } from "./run-store.js";

/**
 * A checkpoint is a folder `step-00001234` that holds the whole state of a training:
 * `net_*.safetensors` (one per network, the reference's state-dict names), `optimizer.safetensors`,
 * `pool.safetensors` and `state.json` (this record). It appears at once and complete.
 */
export interface CheckpointRecord extends CheckpointAbout {
  readonly format: "pixcycle checkpoint";
  readonly version: 1;
  /** The version of pixcycle that wrote it. */
  readonly writer: string;
  /** Size and digest of every other file. */
  readonly files: Readonly<Record<string, { readonly bytes: number; readonly sha256: string }>>;
  /** SHA-256 of this file's text with this field empty. */
  readonly checksum: string;
}

const RECORD = "state.json";
const PASSING_CHECKPOINTS = 2;

/** The folder name of the checkpoint of a step. */
export function checkpointName(step: number): string {
  return `step-${String(step).padStart(8, "0")}`;
}

/** The step of a checkpoint's folder name, or undefined for another name. */
export function checkpointStep(name: string): number | undefined {
  const match = /^step-(\d{8,})$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}

/**
 * Writes a checkpoint into `folder`, atomically; one of the same step is replaced.
 * @param state what `ModelRunner.saveState` returned
 * @returns its path
 * @throws PixcycleError E_FILE_WRITE; earlier checkpoints are untouched
 */
export async function saveCheckpoint(
  folder: string,
  state: TensorMap,
  about: CheckpointAbout,
): Promise<string> {
  const contents = new Map<string, Uint8Array | string>();
  const files: Record<string, { bytes: number; sha256: string }> = {};
  for (const [name, tensors] of splitState(state)) {
    const bytes = encodeSafetensors(tensors);
    contents.set(name, bytes);
    files[name] = { bytes: bytes.length, sha256: sha256(bytes) };
  }
  const { kept, position, options } = about;
  const blank: CheckpointRecord = {
    ...{ format: "pixcycle checkpoint", version: 1, writer: version },
    ...{ kept, position, options, files, checksum: "" },
  };
  const text = `${JSON.stringify(blank, undefined, 2)}\n`;
  contents.set(RECORD, withChecksum(text, sha256(text)));
  const path = join(folder, checkpointName(position.step));
  await writeDirectoryAtomic(path, contents);
  return path;
}

/** One file per network with plain names; everything of the pools, and the rest, under their full names. */
function splitState(state: TensorMap): Map<string, TensorMap> {
  const files = new Map<string, TensorMap>();
  for (const [name, tensor] of state) {
    const slash = name.indexOf("/");
    const scope = slash === -1 ? "" : name.slice(0, slash);
    const isNetwork = scope.startsWith("net_");
    const file = isNetwork ? scope : scope.startsWith("pool_") ? "pool" : "optimizer";
    const tensors = files.get(`${file}.safetensors`) ?? new Map();
    tensors.set(isNetwork ? name.slice(slash + 1) : name, tensor);
    files.set(`${file}.safetensors`, tensors);
  }
  return files;
}

/**
 * Reads a checkpoint after checking the size and digest of every file.
 * @throws PixcycleError E_CHECKPOINT_MISSING or E_CHECKPOINT_CORRUPT, naming the file
 */
export async function loadCheckpoint(path: string): Promise<{ record: CheckpointRecord; state: TensorMap }> {
  const record = await readRecord(path);
  const state: TensorMap = new Map();
  for (const file of Object.keys(record.files)) {
    const bytes = await readCheckpointFile(path, file, record);
    const scope = file.startsWith("net_") ? `${file.slice(0, -".safetensors".length)}/` : "";
    for (const [name, tensor] of decodeSafetensors(bytes, join(path, file)).tensors) {
      state.set(scope + name, tensor);
    }
  }
  return { record, state };
}

/** Reads and checks the record of a checkpoint. Throws as `loadCheckpoint` does. */
export async function readRecord(path: string): Promise<CheckpointRecord> {
  const folder = await resolveDirectory(path);
  if (folder === undefined)
    throw new PixcycleError("E_CHECKPOINT_MISSING", `There is no checkpoint ${path}.`);
  const text = await readFile(join(folder, RECORD), "utf8").catch((cause: unknown) => {
    throw corrupt(join(path, RECORD), "cannot be read", cause);
  });
  const record = parseRecord(text);
  if (record === undefined) throw corrupt(join(path, RECORD), "is damaged");
  if (record.format !== "pixcycle checkpoint" || record.version !== 1) {
    throw new PixcycleError(
      "E_CHECKPOINT_MISMATCH",
      `${path} is of a format that this version cannot read.`,
      {
        hint: `It was written by pixcycle ${record.writer}, this is ${version}.`,
      },
    );
  }
  return record;
}

function parseRecord(text: string): CheckpointRecord | undefined {
  try {
    const record = JSON.parse(text) as CheckpointRecord;
    const blank = text.replace(`"checksum": "${record.checksum}"`, '"checksum": ""');
    return sha256(blank) === record.checksum ? record : undefined;
  } catch {
    return undefined;
  }
}

function withChecksum(text: string, checksum: string): string {
  return text.replace('"checksum": ""', `"checksum": "${checksum}"`);
}

/**
 * Reads one file of a checkpoint after checking its size and digest.
 * @throws PixcycleError E_CHECKPOINT_CORRUPT, naming it
 */
export async function readCheckpointFile(
  path: string,
  file: string,
  record: CheckpointRecord,
): Promise<Uint8Array> {
  const folder = (await resolveDirectory(path)) ?? path;
  const bytes = await readFile(join(folder, file)).catch((cause: unknown) => {
    throw corrupt(join(path, file), "cannot be read", cause);
  });
  const expected = record.files[file]!;
  if (bytes.length !== expected.bytes) {
    throw corrupt(join(path, file), `has ${bytes.length} bytes, ${expected.bytes} were written`);
  }
  if (sha256(bytes) !== expected.sha256) throw corrupt(join(path, file), "was changed after it was written");
  return bytes;
}

function corrupt(file: string, problem: string, cause?: unknown): PixcycleError {
  return new PixcycleError("E_CHECKPOINT_CORRUPT", `${file} ${problem}.`, { cause });
}

function sha256(content: Uint8Array | string): string {
  return createHash("sha256").update(content).digest("hex");
}

/** The names of the checkpoints in a folder, oldest step first; none if the folder does not exist. */
export async function listCheckpoints(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  const plain = names.map((name) => name.replace(/\.previous$/, ""));
  return [...new Set(plain)].filter((name) => checkpointStep(name) !== undefined).sort(byStep);
}

function byStep(a: string, b: string): number {
  return checkpointStep(a)! - checkpointStep(b)!;
}

/** The names of the checkpoints in a folder whose every file is whole, oldest first. */
export async function wholeCheckpoints(folder: string): Promise<string[]> {
  const whole: string[] = [];
  for (const name of await listCheckpoints(folder)) {
    const path = join(folder, name);
    try {
      const record = await readRecord(path);
      for (const file of Object.keys(record.files)) await readCheckpointFile(path, file, record);
      whole.push(name);
    } catch (error) {
      if (!(error instanceof PixcycleError)) throw error;
    }
  }
  return whole;
}

/**
 * Removes the passing checkpoints before `path` but for the newest ones, so that two remain with it.
 * Kept checkpoints, damaged ones and those of later steps (from before the training was taken back) stay, and so does
 * that of the step `best`.
 */
export async function pruneCheckpoints(path: string, best?: number): Promise<void> {
  const folder = join(path, "..");
  const step = checkpointStep(basename(path))!;
  const passing: string[] = [];
  for (const name of await listCheckpoints(folder)) {
    if (checkpointStep(name)! > step) break;
    const record = await readRecord(join(folder, name)).catch(() => undefined);
    if (record?.kept === false && checkpointStep(name) !== best) passing.push(name);
  }
  for (const name of passing.slice(0, -PASSING_CHECKPOINTS)) {
    await removeDirectoryAtomic(join(folder, name));
  }
}
