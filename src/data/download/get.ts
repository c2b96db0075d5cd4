import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { PixcycleError } from "../../errors.js";
import { createDirectoryAtomic } from "../../formats/atomic.js";
import { readTensorFile } from "../../formats/tensor-file.js";
import { walk } from "../layout.js";
import { addresses, dataSets, localName, pretrainedModels, type RemoteFile } from "./catalogue.js";
import { checkChecksum, writeChecksum } from "./checksum.js";
import { DOWNLOAD_LIMITS, type DownloadLimits, downloadFile } from "./download.js";
import { archiveError, EXTRACT_LIMITS, type ExtractLimits } from "./entries.js";
import { archiveKind, extractImages } from "./extract.js";
import { withLock } from "./lock.js";
import { ensureSpace } from "./space.js";

/** Told of what happens, for a person who waits. */
export interface GetWatcher {
  onProgress(received: number, total: number | undefined): void;
  onExtract(images: number): void;
  onNotice(line: string): void;
}

export interface GetOptions {
  /** The folder in which the set's folder or the model's file is put. */
  readonly dir: string;
  /** Other hosts, separated by commas. */
  readonly mirror?: string;
  /** Keep the archive after it is extracted. */
  readonly keepArchive: boolean;
  readonly watcher: GetWatcher;
  readonly signal: AbortSignal;
  readonly downloadLimits?: DownloadLimits;
  readonly extractLimits?: ExtractLimits;
}

export interface GetResult {
  /** The folder of the set, or the model's file. */
  readonly path: string;
  /** False if it was there already, and whole. */
  readonly fetched: boolean;
  readonly sha256: string;
  readonly images?: number;
  readonly leftOut?: number;
  /** The archive, where it is still there. */
  readonly archive?: string;
}

/** What is kept in an extracted set, hidden from those who list its images. */
interface SourceRecord {
  readonly url: string;
  readonly sha256: string;
  readonly images: number;
  readonly bytes: number;
}

const RECORD = ".source.json";
/** An archive and what comes out of it: images hardly shrink. */
const ARCHIVE_SPACE = 2.1;

/**
 * Fetches a data set and extracts it to `DIR/NAME`. Where it is already, its files are counted and nothing is fetched.
 *
 * @throws PixcycleError E_DOWNLOAD, E_CHECKSUM, E_ARCHIVE, E_FILE_WRITE, E_OPTION for a bad mirror
 */
export async function getDataSet(file: RemoteFile, options: GetOptions): Promise<GetResult> {
  const name = localName(file, dataSets);
  const folder = join(options.dir, name);
  const present = await findExtracted(file, folder);
  if (present !== undefined) return present;

  const archive = join(options.dir, `${name}.${file.kind}`);
  return withLock(archive, async () => {
    await removeAbandoned(options.dir, name);
    return fetchAndExtract(file, archive, folder, options);
  });
}

async function fetchAndExtract(
  file: RemoteFile,
  archive: string,
  folder: string,
  options: GetOptions,
): Promise<GetResult> {
  const kept = await exists(archive);
  if (!kept) await download(file, archive, options, checkIsArchive);
  const { digest, known } = await checkChecksum(archive);
  await ensureSpace(options.dir, (await stat(archive)).size, "Extracting");
  const { signal, watcher, extractLimits: limits = EXTRACT_LIMITS } = options;
  try {
    const { images, leftOut } = await createDirectoryAtomic(folder, async (partial) => {
      const { folders } = file;
      const onProgress = watcher.onExtract;
      const found = await extractImages(partial, { archive, folders, limits, signal, onProgress });
      const { images, bytes } = found;
      const record: SourceRecord = { url: file.url, sha256: digest, images, bytes };
      await writeFile(join(partial, RECORD), `${JSON.stringify(record)}\n`);
      return found;
    });
    if (!known) await writeChecksum(archive, digest);
    // One that was there before may be somebody's: it stays.
    const stays = kept || options.keepArchive;
    if (!stays) await rm(archive);
    const result = { path: folder, fetched: true, sha256: digest, images, leftOut };
    return stays ? { ...result, archive } : result;
  } catch (error) {
    if (!(error instanceof PixcycleError) || error.code !== "E_ARCHIVE") throw error;
    // An archive that came damaged would only fail again.
    if (kept) {
      throw new PixcycleError("E_ARCHIVE", error.message, { hint: `Remove ${archive} to fetch it again.` });
    }
    await rm(archive, { force: true });
    throw error;
  }
}

/** Removes what a killed process had extracted of a set. */
async function removeAbandoned(dir: string, name: string): Promise<void> {
  const abandoned = (await readdir(dir)).filter(
    (entry) => entry.startsWith(`${name}.`) && entry.endsWith(".partial"),
  );
  for (const entry of abandoned) await rm(join(dir, entry), { recursive: true, force: true });
}

async function checkIsArchive(path: string): Promise<void> {
  const { kind, head } = await archiveKind(path);
  if (kind === undefined) throw archiveError(basename(path), `it is no archive, it begins with "${head}"`);
}

/**
 * Fetches a pretrained generator to `DIR/NAME.pth` and reads it once. Where it is already, its checksum is compared.
 *
 * @throws PixcycleError E_DOWNLOAD, E_CHECKSUM, E_FILE_FORMAT, E_PICKLE_FORBIDDEN, E_FILE_WRITE, E_OPTION
 */
export async function getModel(file: RemoteFile, options: GetOptions): Promise<GetResult> {
  const path = join(options.dir, `${localName(file, pretrainedModels)}.pth`);
  return withLock(path, async () => {
    const present = await exists(path);
    if (!present) await download(file, path, options, readTensorFile);
    const { digest, known } = await checkChecksum(path);
    if (present && !known) await readTensorFile(path);
    if (!known) await writeChecksum(path, digest);
    return { path, fetched: !present, sha256: digest };
  });
}

async function download(
  file: RemoteFile,
  target: string,
  options: GetOptions,
  checkContent: (path: string) => Promise<unknown>,
): Promise<void> {
  const { watcher, signal, downloadLimits: limits = DOWNLOAD_LIMITS } = options;
  await downloadFile({
    addresses: addresses(file, options.mirror),
    target,
    ...(file.bytes !== undefined && { bytes: file.bytes }),
    spaceFactor: file.kind === "pth" ? 1 : ARCHIVE_SPACE,
    async verify(path) {
      await checkContent(path);
      await checkChecksum(target, path);
    },
    onProgress: watcher.onProgress,
    onNotice: watcher.onNotice,
    signal,
    limits,
  });
}

/** The set if it is there and whole. A folder that holds something else, or less, is never touched. */
async function findExtracted(file: RemoteFile, folder: string): Promise<GetResult | undefined> {
  if (!(await exists(folder))) return undefined;
  const record = await readRecord(folder);
  if (record === undefined || record.url !== file.url) {
    throw new PixcycleError("E_FILE_WRITE", `${folder} exists and was not fetched as this set.`, {
      hint: "Give another place with --dir, or move that folder away.",
    });
  }
  const files = await walk(folder);
  let bytes = 0;
  for (const name of files) bytes += (await stat(join(folder, name)).catch(() => ({ size: 0 }))).size;
  if (files.length !== record.images || bytes !== record.bytes) {
    throw new PixcycleError(
      "E_CHECKSUM",
      `${folder} has ${files.length} files of ${bytes} bytes, not the ${record.images} of ${record.bytes} that came.`,
      { hint: "If that is not on purpose, remove the folder and run the command again." },
    );
  }
  return { path: folder, fetched: false, sha256: record.sha256, images: record.images };
}

async function readRecord(folder: string): Promise<SourceRecord | undefined> {
  try {
    const { url, sha256, images, bytes } = JSON.parse(await readFile(join(folder, RECORD), "utf8"));
    return { url: String(url), sha256: String(sha256), images: Number(images), bytes: Number(bytes) };
  } catch {
    return undefined;
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
