import { writeFile } from "node:fs/promises";
import { dirname, extname, join } from "node:path";
import { PixcycleError } from "../../errors.js";
import { createDirectoryAtomic } from "../../formats/atomic.js";
import { makeFolder } from "../../formats/make-folder.js";
import { decodeImage, encodeImage } from "../image.js";
import { listImages, nameSome } from "../layout.js";
import { type CannyOptions, detectEdges } from "./canny.js";
import type { ToolWatcher } from "./combine.js";
import { requireFolder } from "./sides.js";

/**
 * Draws the edges of every image of a folder, black on white, as PNG files of the same names in a new folder. All of
 * them, or none.
 *
 * @returns the number of images written
 * @throws PixcycleError E_DATA_MISSING, E_DATA_EMPTY, E_DATA_PAIR for names that differ in their endings only,
 *   E_IMAGE_READ, E_OPTION, E_FILE_WRITE
 */
export async function drawEdges(
  folder: string,
  out: string,
  options: CannyOptions,
  watcher: ToolWatcher,
): Promise<number> {
  const { sigma, low, high } = options;
  if (!(sigma >= 0.3 && sigma <= 20 && low > 0 && low <= high && high <= 1)) {
    throw new PixcycleError("E_OPTION", `--sigma ${sigma} --low ${low} --high ${high} find no edges.`, {
      hint: "Give a sigma from 0.3 to 20, and 0 < low ≤ high ≤ 1.",
    });
  }
  await requireFolder(folder);
  const names = await listImages(folder);
  const targets = names.map((name) => `${name.slice(0, name.length - extname(name).length)}.png`);
  const seen = new Set<string>();
  const twice = names.filter((_, index) => seen.size === seen.add(targets[index]!).size);
  if (twice.length > 0) {
    throw new PixcycleError("E_DATA_PAIR", `Names differ only in their ending: ${nameSome(twice)}.`, {
      hint: "Keep one image of each name in a folder.",
    });
  }
  await createDirectoryAtomic(out, async (partial) => {
    for (const [index, name] of names.entries()) {
      watcher.signal.throwIfAborted();
      const path = join(partial, targets[index]!);
      await makeFolder(dirname(path));
      const edges = detectEdges(await decodeImage(join(folder, name)), options);
      await writeFile(path, await encodeImage(edges, "png"));
      watcher.onImage(index + 1, names.length);
    }
  });
  return names.length;
}
