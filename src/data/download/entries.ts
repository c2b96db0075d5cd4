import { extname } from "node:path";
import { PixcycleError } from "../../errors.js";
import { IMAGE_EXTENSIONS } from "../image.js";

/** One member of an archive, as it claims to be. */
export interface ArchiveEntry {
  readonly name: string;
  readonly kind: "file" | "folder" | "other";
  /** Streams its bytes; a member that is not wanted is not read. */
  writeTo(sink: WritableStream<Uint8Array>): Promise<void>;
}

export interface ExtractLimits {
  readonly entries: number;
  /** Bytes that may come out, in all. */
  readonly bytes: number;
  /** And as a multiple of the archive's size, where that is more than `freeBytes`: images hardly shrink. */
  readonly ratio: number;
  readonly freeBytes: number;
}

export const EXTRACT_LIMITS: ExtractLimits = {
  entries: 1_000_000,
  bytes: 64 * 2 ** 30,
  ratio: 20,
  freeBytes: 64 * 2 ** 20,
};

/** Bytes that an archive of this size may become. */
export function allowedBytes(archiveBytes: number, limits: ExtractLimits): number {
  return Math.min(limits.bytes, Math.max(limits.freeBytes, archiveBytes * limits.ratio));
}

/** The error E_ARCHIVE of an archive that cannot be extracted. */
export function archiveError(archive: string, problem: string, cause?: unknown): PixcycleError {
  return new PixcycleError("E_ARCHIVE", `${archive}: ${problem}. Nothing of it was kept.`, {
    hint: "Fetch it again, or give another host with --mirror.",
    cause,
  });
}

/** Longest path inside an archive, in characters, and its deepest folder. */
const MAX_PATH = 1000;
const MAX_DEPTH = 16;

/**
 * The parts of an entry's path, if it may be written below a folder: relative, without `..`, and with names that every
 * system takes for names.
 */
export function safeSegments(name: string): string[] | undefined {
  const strange = [...name].some((character) => character < " " || '\\:*?"<>|\x7f'.includes(character));
  if (strange || name.startsWith("/") || name.length > MAX_PATH) return undefined;
  const segments = name.split("/").filter((segment) => segment !== "" && segment !== ".");
  const unsafe = segments.some(
    (segment) => segment === ".." || segment.length > 255 || /[. ]$/.test(segment),
  );
  return unsafe || segments.length > MAX_DEPTH ? undefined : segments;
}

/** Whether a file is an image by its name, and not one of those that systems add (`__MACOSX/._1.jpg`). */
export function isWanted(segments: readonly string[]): boolean {
  if (segments.some((segment) => segment.startsWith(".") || segment === "__MACOSX")) return false;
  return IMAGE_EXTENSIONS.has(extname(segments.at(-1) ?? "").toLowerCase());
}
