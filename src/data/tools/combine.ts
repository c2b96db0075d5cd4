import { writeFile } from "node:fs/promises";
import { dirname, extname, join, relative } from "node:path";
import { PixcycleError } from "../../errors.js";
import { createDirectoryAtomic } from "../../formats/atomic.js";
import { makeFolder } from "../../formats/make-folder.js";
import { convertChannels, newSamples } from "../channels.js";
import { decodeImage, encodeImage } from "../image.js";
import type { Pair } from "../layout.js";
import type { Image } from "../pixels.js";
import { pairFolders } from "./sides.js";

export interface ToolWatcher {
  onImage(done: number, total: number): void;
  readonly signal: AbortSignal;
}

/**
 * Writes every image of folder A beside that of the same name of folder B, A on the left, as PNG files of the same
 * names (TIFF for more than four channels) in a new folder. All of them, or none.
 *
 * @returns the number of images written
 * @throws PixcycleError E_DATA_PAIR, E_DATA_SIZE, E_IMAGE_READ, E_DATA_MISSING, E_DATA_EMPTY, E_FILE_WRITE
 */
export async function combineFolders(sides: Pair, out: string, watcher: ToolWatcher): Promise<number> {
  const pairs = await pairFolders(sides);
  await createDirectoryAtomic(out, async (partial) => {
    for (const [index, pair] of pairs.entries()) {
      watcher.signal.throwIfAborted();
      const image = sideBySide(await decodeImage(pair.A), await decodeImage(pair.B), pair);
      const format = image.channels <= 4 ? "png" : "tiff";
      const name = relative(sides.A, pair.A);
      const path = join(partial, `${name.slice(0, name.length - extname(name).length)}.${format}`);
      await makeFolder(dirname(path));
      await writeFile(path, await encodeImage(image, format));
      watcher.onImage(index + 1, pairs.length);
    }
  });
  return pairs.length;
}

/**
 * Two images of equal size as one, A on the left. Gray becomes RGB beside RGB, 8 bits become 16 beside 16: no sample
 * is lost.
 *
 * @throws PixcycleError E_DATA_SIZE for unequal sizes, E_IMAGE_READ for channels that do not convert
 */
export function sideBySide(A: Image, B: Image, paths: Pair): Image {
  if (A.width !== B.width || A.height !== B.height) {
    throw new PixcycleError(
      "E_DATA_SIZE",
      `${paths.A} is ${A.width}×${A.height}, ${paths.B} ${B.width}×${B.height}.`,
      { hint: "Make the images of a pair equally large; nothing was written." },
    );
  }
  const channels = Math.max(A.channels, B.channels);
  const depth = A.depth === 16 || B.depth === 16 ? 16 : 8;
  const left = toDepth(convertChannels(A, channels, paths.A), depth).data;
  const right = toDepth(convertChannels(B, channels, paths.B), depth).data;
  const { width, height } = A;
  const row = width * channels;
  const data = newSamples(depth, 2 * row * height);
  for (let y = 0; y < height; y++) {
    data.set(left.subarray(y * row, (y + 1) * row), 2 * y * row);
    data.set(right.subarray(y * row, (y + 1) * row), (2 * y + 1) * row);
  }
  return { width: 2 * width, height, channels, depth, data };
}

/** 8 bits as 16: 255 becomes 65535. */
function toDepth(image: Image, depth: 8 | 16): Image {
  if (image.depth === depth) return image;
  return { ...image, depth, data: Uint16Array.from(image.data, (value) => value * 257) };
}
