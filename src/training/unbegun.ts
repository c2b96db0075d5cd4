import { rm, rmdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { fileWriteError } from "../formats/atomic.js";
import { makeFolder } from "../formats/make-folder.js";
import { listCheckpoints } from "./checkpoint.js";
import type { RunFolder } from "./run-folder.js";

/**
 * Makes the folder of a run, into which the run's own data goes, and does the work in it. Where the work fails or is
 * stopped before the training's first step, a folder that was made here is removed with all that is in it.
 * @throws PixcycleError E_FILE_WRITE where the folder cannot be made; whatever `work` throws
 */
export async function inNewRunFolder<T>(folder: RunFolder, work: () => Promise<T>): Promise<T> {
  const created = await makeFolder(folder.path).catch((cause: unknown) => {
    throw fileWriteError(folder.path, cause);
  });
  try {
    return await work();
  } finally {
    if (created !== undefined && !(await hasBegun(folder))) await removeFolder(folder.path, created);
  }
}

/** Whether a step of the run is on record. */
async function hasBegun({ metrics, checkpoints }: RunFolder): Promise<boolean> {
  const logged = await stat(metrics).catch(() => undefined);
  return (logged?.size ?? 0) > 0 || (await listCheckpoints(checkpoints)).length > 0;
}

/** Removes a folder, and those above it up to the first that was made for it, unless others use them by now. */
async function removeFolder(path: string, created: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
  for (let above = path; above !== created && above.length > created.length; ) {
    above = dirname(above);
    const removed = await rmdir(above).then(
      () => true,
      () => false,
    );
    if (!removed) return;
  }
}
