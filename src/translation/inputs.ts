import { readdir, stat } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { IMAGE_EXTENSIONS } from "../data/image.js";
import { PixcycleError } from "../errors.js";

/** An image to translate and the beginning of its results' file names. */
export interface InputImage {
  readonly path: string;
  /** The file's name without its ending; numbered where several inputs have the same. */
  readonly stem: string;
}

/**
 * The images that paths mean: files, and the images of folders (not of folders in them), by name.
 * @throws PixcycleError E_DATA_MISSING for a path that does not exist, E_DATA_EMPTY for a folder without images
 */
export async function listInputs(paths: readonly string[]): Promise<InputImage[]> {
  const files = (await Promise.all(paths.map(imagesAt))).flat();
  const taken = new Set<string>();
  return [...new Set(files)].map((path) => {
    const name = basename(path, extname(path));
    let stem = name;
    // File systems may take upper and lower case for the same.
    for (let n = 2; taken.has(stem.toLowerCase()); n++) stem = `${name}_${n}`;
    taken.add(stem.toLowerCase());
    return { path, stem };
  });
}

async function imagesAt(path: string): Promise<string[]> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new PixcycleError("E_DATA_MISSING", `${path} does not exist.`, { hint: "Check the path.", cause });
  });
  if (!found.isDirectory()) return [path];
  const entries = await readdir(path, { withFileTypes: true });
  const images = entries
    .filter(({ name }) => !name.startsWith(".") && IMAGE_EXTENSIONS.has(extname(name).toLowerCase()))
    .filter((entry) => !entry.isDirectory())
    .map(({ name }) => join(path, name));
  if (images.length > 0) return images.sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const inside =
    folders.length === 0 ? "" : ` It has the folders ${folders.slice(0, 5).join(", ")}: give one of them.`;
  throw new PixcycleError("E_DATA_EMPTY", `${path} holds no images.`, {
    hint: `Images end in ${[...IMAGE_EXTENSIONS].join(", ")}.${inside}`,
  });
}
