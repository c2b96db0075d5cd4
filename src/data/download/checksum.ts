import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { PixcycleError } from "../../errors.js";
import { writeFileAtomic } from "../../formats/atomic.js";

/** SHA-256 of a file, in hexadecimal digits. */
async function sha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) hash.update(chunk);
  return hash.digest("hex");
}

/** The checksum kept beside a file, as `sha256sum --check` reads it; undefined where there is none. */
async function readChecksum(file: string): Promise<string | undefined> {
  const text = await readFile(checksumFile(file), "utf8").catch(() => "");
  return /^([0-9a-f]{64})\b/.exec(text)?.[1];
}

/** Keeps the checksum of a file that has proved good: later ones of its name must be the same. */
export async function writeChecksum(file: string, digest: string): Promise<void> {
  await writeFileAtomic(checksumFile(file), `${digest}  ${basename(file)}\n`);
}

/**
 * Compares a file with the checksum that was kept when one of this name first came, if one was.
 *
 * @param path where the bytes are, if not in `file` yet
 * @returns the file's checksum, and whether it was compared
 * @throws PixcycleError E_CHECKSUM
 */
export async function checkChecksum(file: string, path = file): Promise<{ digest: string; known: boolean }> {
  const digest = await sha256(path);
  const kept = await readChecksum(file);
  if (kept !== undefined && kept !== digest) {
    const again = path === file ? `remove ${file} to fetch it again` : "try another host with --mirror";
    throw new PixcycleError(
      "E_CHECKSUM",
      `${basename(file)} is not the file it was: its SHA-256 is ${digest.slice(0, 12)}…, not ${kept.slice(0, 12)}….`,
      { hint: `If there is a new version, remove ${checksumFile(file)}; if not, ${again}.` },
    );
  }
  return { digest, known: kept !== undefined };
}

function checksumFile(file: string): string {
  return `${file}.sha256`;
}
