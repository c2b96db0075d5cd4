import { randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { PixcycleError } from "../errors.js";
import { makeFolder } from "./make-folder.js";

const PARTIAL = ".partial";
const PREVIOUS = ".previous";

/**
 * Writes a file so that a reader, or a crash at any moment, finds either the old content or the new, whole:
 * a temporary file beside it is written, synced and renamed over it, and the folder is synced.
 *
 * @throws PixcycleError E_FILE_WRITE; the temporary file is removed and an existing file is untouched
 */
export async function writeFileAtomic(target: string, content: Uint8Array | string): Promise<void> {
  const partial = partialName(target);
  try {
    await writeSynced(partial, content);
    await rename(partial, target);
    await syncFolder(path.dirname(target));
  } catch (cause) {
    await removeQuietly(partial);
    throw fileWriteError(target, cause);
  }
}

/**
 * Writes a folder of files as one: at every moment a complete version, old or new, is on disk.
 *
 * The files are written and synced in a temporary folder beside `target`, which is then renamed to `target`.
 * No system call of Node swaps two folders, so an existing one is first renamed to `target.previous`, and
 * removed last. A crash between the two renames leaves the old version there: open folders that this function
 * writes through {@link resolveDirectory}, which knows where to look.
 *
 * @param files file name (no separators) to content
 * @throws PixcycleError E_FILE_WRITE; the temporary folder is removed and an existing folder is back in place
 */
export async function writeDirectoryAtomic(
  target: string,
  files: ReadonlyMap<string, Uint8Array | string>,
): Promise<void> {
  for (const name of files.keys()) {
    if (name === "" || name === "." || name === ".." || /[/\\]/.test(name)) {
      throw new PixcycleError("E_INTERNAL", `${JSON.stringify(name)} is not a plain file name.`);
    }
  }
  const partial = partialName(target);
  try {
    await mkdir(partial);
    for (const [name, content] of files) await writeSynced(path.join(partial, name), content);
    await syncFolder(partial);
    await moveIntoPlace(partial, target);
  } catch (cause) {
    await removeQuietly(partial);
    throw fileWriteError(target, cause);
  }
  // The new version is in place; an old one that cannot be removed now is removed by the next write.
  await removeQuietly(target + PREVIOUS);
}

/**
 * Makes a new folder that appears whole or not at all: `fill` writes into a temporary folder beside it, which is then
 * renamed. For trees too large to hold in memory; their files are not synced one by one.
 *
 * @returns what `fill` returns
 * @throws PixcycleError E_FILE_WRITE if `target` exists and is not an empty folder, or if writing fails; whatever
 *   `fill` throws; the temporary folder is removed
 */
export async function createDirectoryAtomic<T>(
  target: string,
  fill: (folder: string) => Promise<T>,
): Promise<T> {
  const existing = await readdir(target).catch((error: NodeJS.ErrnoException) => error.code);
  if (existing !== "ENOENT" && (typeof existing === "string" || (existing?.length ?? 0) > 0)) {
    throw new PixcycleError("E_FILE_WRITE", `${target} exists already; nothing was written.`, {
      hint: "Choose another place, or remove it first.",
    });
  }
  const partial = partialName(target);
  try {
    await makeFolder(partial);
    const result = await fill(partial);
    await rename(partial, target);
    await syncFolder(path.dirname(target));
    return result;
  } catch (cause) {
    await removeQuietly(partial);
    throw isSystemError(cause) ? fileWriteError(target, cause) : cause;
  }
}

function isSystemError(cause: unknown): boolean {
  return cause instanceof Error && "syscall" in cause;
}

/**
 * Where the newest complete version of a folder written by {@link writeDirectoryAtomic} lies: `target`, or
 * `target.previous` after a crash in the middle of a replacement, or undefined if there is none.
 */
export async function resolveDirectory(target: string): Promise<string | undefined> {
  for (const candidate of [target, target + PREVIOUS]) {
    const found = await stat(candidate).catch(() => undefined);
    if (found?.isDirectory()) return candidate;
  }
  return undefined;
}

/**
 * Removes a folder that is there whole or not at all at every moment: it gets a temporary name first, under which
 * {@link removePartials} finds it after a crash. A folder that does not exist is no error.
 */
export async function removeDirectoryAtomic(target: string): Promise<void> {
  const partial = partialName(target);
  try {
    await rename(target, partial);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return;
    throw fileWriteError(target, cause);
  }
  await rm(partial, { recursive: true, force: true });
}

/**
 * Removes what killed processes left half written in a folder. Call it only where no other process writes.
 *
 * @returns the names removed
 */
export async function removePartials(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(PARTIAL));
  for (const name of names) await rm(path.join(folder, name), { recursive: true, force: true });
  return names;
}

async function moveIntoPlace(partial: string, target: string): Promise<void> {
  const previous = target + PREVIOUS;
  const exists = (await stat(target).catch(() => undefined)) !== undefined;
  if (exists) {
    await rm(previous, { recursive: true, force: true });
    await rename(target, previous);
  }
  try {
    await rename(partial, target);
  } catch (error) {
    if (exists) await rename(previous, target);
    throw error;
  }
  await syncFolder(path.dirname(target));
}

function partialName(target: string): string {
  return `${target}.${process.pid}-${randomBytes(4).toString("hex")}${PARTIAL}`;
}

async function writeSynced(file: string, content: Uint8Array | string): Promise<void> {
  const handle = await open(file, "wx");
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes renames in a folder survive a power cut. Windows cannot open a folder, and needs no such call. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  let handle: FileHandle | undefined;
  try {
    handle = await open(folder, "r");
    await handle.sync();
  } finally {
    await handle?.close();
  }
}

async function removeQuietly(target: string): Promise<void> {
  await rm(target, { recursive: true, force: true }).catch(() => undefined);
}

const REASONS: Readonly<Record<string, readonly [problem: string, hint: string]>> = {
  ENOSPC: ["the disk is full", "Free some space and run the command again; earlier files are intact."],
  EDQUOT: [
    "the disk quota is used up",
    "Free some space and run the command again; earlier files are intact.",
  ],
  EACCES: ["permission denied", "Choose a folder you may write to, or change its permissions."],
  EPERM: ["permission denied", "Choose a folder you may write to, or change its permissions."],
  EROFS: ["the file system is read-only", "Choose a folder on a writable file system."],
  ENOENT: ["its folder does not exist", "Create the folder first."],
  ENOTDIR: ["its folder is a file", "Choose another folder."],
  EISDIR: ["a folder has that name", "Choose another name."],
};

/** The error of a failed write, E_FILE_WRITE, with what to do about it. */
export function fileWriteError(target: string, cause: unknown): PixcycleError {
  const { code = "", message } = cause as NodeJS.ErrnoException;
  const [problem, hint] = REASONS[code] ?? [message, "Check the disk and the folder."];
  return new PixcycleError("E_FILE_WRITE", `Cannot write ${target}: ${problem}.`, { hint, cause });
}
