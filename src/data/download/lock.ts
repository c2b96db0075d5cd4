import { readFile, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { PixcycleError } from "../../errors.js";
import { fileWriteError } from "../../formats/atomic.js";
import { makeFolder } from "../../formats/make-folder.js";

/**
 * Does some work on a file while no other process does: `FILE.lock` holds the process's number. One that a killed
 * process left does not count. The file's folder is made.
 *
 * @throws PixcycleError E_FILE_WRITE while another process holds it, or where it cannot be made
 */
export async function withLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  const lock = `${file}.lock`;
  await take(lock);
  try {
    return await work();
  } finally {
    await rm(lock, { force: true });
  }
}

async function take(lock: string): Promise<void> {
  const create = () => writeFile(lock, String(process.pid), { flag: "wx" });
  try {
    await makeFolder(dirname(lock));
    await create().catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
      const holder = Number(await readFile(lock, "utf8").catch(() => ""));
      if (isRunning(holder)) {
        throw new PixcycleError("E_FILE_WRITE", `Process ${holder} is fetching this file now.`, {
          hint: `Wait for it to end; if there is no such download, remove ${lock}.`,
        });
      }
      await rm(lock, { force: true });
      await create();
    });
  } catch (error) {
    throw error instanceof PixcycleError ? error : fileWriteError(lock, error);
  }
}

function isRunning(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
