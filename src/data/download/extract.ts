import { createWriteStream } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Writable } from "node:stream";
import { PixcycleError } from "../../errors.js";
import { makeFolder } from "../../formats/make-folder.js";
import { isFolder } from "../layout.js";
import {
  type ArchiveEntry,
  allowedBytes,
  archiveError,
  type ExtractLimits,
  isWanted,
  safeSegments,
} from "./entries.js";
import { tarEntries, zipEntries } from "./readers.js";

/** What came out of an archive. */
export interface Extracted {
  readonly images: number;
  readonly bytes: number;
  /** Files that are no images, left out. */
  readonly leftOut: number;
}

export interface Extraction {
  readonly archive: string;
  /** Folders that the set must have; a single folder around them is removed. */
  readonly folders: readonly string[];
  readonly limits: ExtractLimits;
  readonly signal: AbortSignal;
  onProgress(images: number): void;
}

/** What a file is by its first bytes; `undefined` for neither zip nor gzip, with what it begins with. */
export async function archiveKind(path: string): Promise<{ kind: "zip" | "gzip" | undefined; head: string }> {
  const handle = await open(path, "r");
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(32), 0, 32, 0);
    const bytes = buffer.subarray(0, bytesRead);
    const zip = bytes.toString("latin1", 0, 4) === "PK\x03\x04";
    const gzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
    const head = bytes.toString("latin1").replaceAll(/[^ -~]+/g, "·");
    return { kind: zip ? "zip" : gzip ? "gzip" : undefined, head };
  } finally {
    await handle.close();
  }
}

/**
 * Extracts the images of a zip or tar.gz into an empty folder. One entry that points outside, is a link, or makes more
 * of the archive than `limits` allow condemns all of it.
 *
 * @throws PixcycleError E_ARCHIVE; errors of the file system as they come
 */
export async function extractImages(folder: string, extraction: Extraction): Promise<Extracted> {
  const { archive } = extraction;
  try {
    const content = join(folder, "content");
    await mkdir(content);
    const extracted = await extractAll(content, extraction);
    await moveUp(content, folder, extraction);
    return extracted;
  } catch (error) {
    const passes = error instanceof PixcycleError || extraction.signal.aborted || isFileError(error);
    throw passes ? error : archiveError(archive, `it is damaged (${firstLine(error)})`, error);
  }
}

async function extractAll(content: string, extraction: Extraction): Promise<Extracted> {
  const { archive, limits, signal } = extraction;
  const { kind, head } = await archiveKind(archive);
  if (kind === undefined) throw archiveError(archive, `it is no archive, it begins with "${head}"`);
  const most = allowedBytes((await stat(archive)).size, limits);
  let [bytes, entries, images, leftOut] = [0, 0, 0, 0];
  const countBytes = (more: number) => {
    bytes += more;
    if (bytes > most) throw archiveError(archive, `it would grow to more than ${most} bytes`);
  };
  // Of a tar all bytes are counted as they are inflated, of a zip those that are written.
  const [all, countWritten] =
    kind === "zip"
      ? [zipEntries(archive, signal), countBytes]
      : [tarEntries(archive, signal, countBytes), () => undefined];
  let written = 0;
  for await (const entry of all) {
    signal.throwIfAborted();
    entries++;
    if (entries > limits.entries) throw archiveError(archive, `it has more than ${limits.entries} entries`);
    const segments = checkEntry(entry, archive);
    if (entry.kind === "folder") continue;
    if (!isWanted(segments)) {
      leftOut++;
      continue;
    }
    const path = join(content, ...segments);
    await writeEntry(entry, path, archive, (more) => {
      countWritten(more);
      written += more;
    });
    images++;
    extraction.onProgress(images);
  }
  if (images === 0) throw archiveError(archive, "it holds no images");
  return { images, bytes: written, leftOut };
}

function checkEntry(entry: ArchiveEntry, archive: string): string[] {
  const shown = JSON.stringify(entry.name.slice(0, 80));
  if (entry.kind === "other") throw archiveError(archive, `${shown} is a link or a special file`);
  const segments = safeSegments(entry.name);
  if (segments === undefined) throw archiveError(archive, `${shown} is not a path inside the archive`);
  return segments;
}

async function writeEntry(
  entry: ArchiveEntry,
  path: string,
  archive: string,
  count: (bytes: number) => void,
): Promise<void> {
  await makeFolder(dirname(path)).catch((error) => throwClash(error, entry, archive));
  const file = createWriteStream(path, { flags: "wx" });
  const sink = Writable.toWeb(file).getWriter();
  const counting = new WritableStream<Uint8Array>({
    async write(chunk) {
      count(chunk.length);
      await sink.write(chunk);
    },
    close: () => sink.close(),
    abort: (reason) => sink.abort(reason),
  });
  try {
    await entry.writeTo(counting);
  } catch (error) {
    file.destroy();
    await sink.closed.catch(() => undefined);
    throwClash(error, entry, archive);
  }
}

/** Rethrows an error; one of a name that is taken is the archive's fault. */
function throwClash(error: unknown, entry: ArchiveEntry, archive: string): never {
  const { code = "" } = error as NodeJS.ErrnoException;
  if (!["EEXIST", "EISDIR", "ENOTDIR"].includes(code)) throw error;
  throw archiveError(archive, `two entries are named ${JSON.stringify(entry.name.slice(0, 80))}`, error);
}

/** Moves the set itself, which archives keep in a folder of its name, up to `folder`. */
async function moveUp(content: string, folder: string, { archive, folders }: Extraction): Promise<void> {
  const complete = async (root: string) => {
    const found = await Promise.all(folders.map((name) => isFolder(join(root, name))));
    return found.every(Boolean);
  };
  const names = await readdir(content);
  const roots = names.length === 1 ? [content, join(content, names[0]!)] : [content];
  for (const root of roots) {
    if (!(await complete(root))) continue;
    for (const name of await readdir(root)) await rename(join(root, name), join(folder, name));
    await rm(content, { recursive: true });
    return;
  }
  throw archiveError(archive, `it has no folders ${folders.join(", ")}, but ${names.slice(0, 5).join(", ")}`);
}

function isFileError(error: unknown): boolean {
  return error instanceof Error && "syscall" in error;
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0]!.replace(/\.$/, "");
}
