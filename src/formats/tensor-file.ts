import { type FileHandle, open } from "node:fs/promises";
import { PixcycleError } from "../errors.js";
import type { ByteSource } from "./byte-source.js";
import { readTensorSource, type TensorFile } from "./tensor-source.js";

/**
 * Reads a file of named tensors, safetensors, any PyTorch `.pth` or a `.pict`: see {@link readTensorSource}.
 *
 * @throws PixcycleError E_FILE_MISSING if it is not there, not a file or may not be read; E_FILE_FORMAT;
 *   E_PICKLE_FORBIDDEN
 */
export async function readTensorFile(path: string): Promise<TensorFile> {
  return withFileSource(path, readTensorSource);
}

/** One read call takes at most 2 GiB on Linux. */
const MAX_READ = 2 ** 30;

/**
 * Opens a file, hands it to `use`, and closes it.
 *
 * @throws PixcycleError E_FILE_MISSING if the file is not there, is not a file or may not be read
 */
async function withFileSource<T>(file: string, use: (source: ByteSource) => Promise<T>): Promise<T> {
  const handle = await openFile(file);
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw new PixcycleError("E_FILE_MISSING", `${file} is not a file.`);
    return await use({
      where: file,
      size: stats.size,
      read: (offset, length) => readFully(handle, offset, Math.max(0, Math.min(length, stats.size - offset))),
    });
  } finally {
    await handle.close();
  }
}

async function openFile(file: string): Promise<FileHandle> {
  try {
    return await open(file, "r");
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") {
      throw new PixcycleError("E_FILE_MISSING", `${file} does not exist.`, {
        hint: "Check the path.",
        cause,
      });
    }
    const problem = code === "EACCES" ? "permission denied" : message;
    throw new PixcycleError("E_FILE_MISSING", `${file} cannot be read: ${problem}.`, { cause });
  }
}

async function readFully(
  handle: FileHandle,
  offset: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(
      bytes,
      filled,
      Math.min(length - filled, MAX_READ),
      offset + filled,
    );
    if (bytesRead === 0) return bytes.subarray(0, filled);
    filled += bytesRead;
  }
  return bytes;
}
