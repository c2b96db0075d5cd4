import { mkdir, stat } from "node:fs/promises";
import path from "node:path";

/**
 * Makes a folder, and those above it that are missing. Node's own recursive `mkdir` never returns where no folder can be
 * made although the one above exists, as below /proc.
 *
 * @returns the first folder that was made; undefined if `folder` existed
 * @throws the system's error, with its `code`; ENOTSUP where the file system makes no folders
 */
export async function makeFolder(folder: string): Promise<string | undefined> {
  try {
    await mkdir(folder);
    return folder;
  } catch (error) {
    if (await isFolder(folder)) return undefined;
    const above = path.dirname(folder);
    if (codeOf(error) !== "ENOENT" || above === folder) throw error;
    const first = await makeFolder(above);
    await makeIn(above, folder);
    return first ?? folder;
  }
}

async function makeIn(above: string, folder: string): Promise<void> {
  try {
    await mkdir(folder);
  } catch (error) {
    // Another process may have made it in the meantime.
    if (await isFolder(folder)) return;
    if (codeOf(error) !== "ENOENT") throw error;
    const refused = new Error(`no folder can be made in ${above}`, { cause: error });
    throw Object.assign(refused, { code: "ENOTSUP", syscall: "mkdir" });
  }
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

async function isFolder(folder: string): Promise<boolean> {
  return stat(folder).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
