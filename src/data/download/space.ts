import { statfs } from "node:fs/promises";
import { PixcycleError } from "../../errors.js";

/** Bytes in words: `116.9 MB`, as download pages count them. */
export function megabytes(bytes: number): string {
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

/**
 * Refuses to begin what the disk cannot hold.
 *
 * @throws PixcycleError E_FILE_WRITE
 */
export async function ensureSpace(folder: string, bytes: number, purpose: string): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (bytes <= free) return;
  throw new PixcycleError(
    "E_FILE_WRITE",
    `${purpose} needs ${megabytes(bytes)} of disk, and ${folder} has ${megabytes(free)} free.`,
    { hint: "Free some space, or give another place with --dir." },
  );
}
