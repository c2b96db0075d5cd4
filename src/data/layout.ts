import type { Dirent } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { PixcycleError } from "../errors.js";
import type { DataOptions } from "../options/schema.js";
import { IMAGE_EXTENSIONS } from "./image.js";
import {
  limited,
  type NamedFile,
  type Pair,
  type Pairing,
  pairFiles,
  type Scan,
  scanSides,
} from "./pairing.js";

export { type DatasetFiles, nameSome, type Pair } from "./pairing.js";

type LayoutOptions = Pick<
  DataOptions,
  "dataroot" | "dataset_mode" | "phase" | "direction" | "max_dataset_size"
>;

/** Whether a path is a folder, or a link to one. */
export async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

async function isFile(folder: string, entry: Dirent): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isFile();
  return stat(join(folder, entry.name)).then(
    (found) => found.isFile(),
    () => true, // A broken link is listed, so that it is reported rather than skipped.
  );
}

/** Files below a folder, as `sub/name` paths; hidden ones are left out, linked folders not followed. */
export async function walk(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.name.startsWith(".")) continue;
    if (entry.isDirectory()) {
      for (const below of await walk(join(folder, entry.name))) found.push(`${entry.name}/${below}`);
    } else if (await isFile(folder, entry)) {
      found.push(entry.name);
    }
  }
  return found;
}

/** The images below a folder, relative to it and sorted by name. `E_DATA_EMPTY` where there are none. */
export async function listImages(folder: string): Promise<string[]> {
  const files = await walk(folder).catch((cause: Error) => {
    throw new PixcycleError("E_DATA_MISSING", `${folder} cannot be read: ${cause.message}.`, {
      hint: "Check its permissions.",
      cause,
    });
  });
  const images = files.filter((file) => IMAGE_EXTENSIONS.has(extname(file).toLowerCase())).sort();
  if (images.length > 0) return images;
  const others = files.length === 0 ? "" : ` among its ${files.length} files`;
  throw new PixcycleError("E_DATA_EMPTY", `${folder} holds no images${others}.`, {
    hint: `Images end in ${[...IMAGE_EXTENSIONS].join(", ")}.`,
  });
}

/** The two folders of a data set, where it has two. */
export async function findSides(root: string, phase: string): Promise<Pair | undefined> {
  const candidates = [
    { A: join(root, `${phase}A`), B: join(root, `${phase}B`) },
    { A: join(root, "A", phase), B: join(root, "B", phase) },
    { A: join(root, "A"), B: join(root, "B") },
  ];
  for (const sides of candidates) {
    if ((await isFolder(sides.A)) && (await isFolder(sides.B))) return sides;
  }
  return undefined;
}

/** Pairs `sub/name.ext` of one side with `sub/name.*` of the other. */
export function pairByName(folders: Pair, filesA: readonly string[], filesB: readonly string[]): Pairing {
  return pairFiles(namedIn(folders.A, filesA), namedIn(folders.B, filesB));
}

const namedIn = (folder: string, files: readonly string[]): NamedFile[] =>
  files.map((name) => ({ name, path: join(folder, name) }));

async function missing(root: string, looked: readonly string[]): Promise<PixcycleError> {
  if (!(await isFolder(root))) {
    return new PixcycleError("E_DATA_MISSING", `${root}: no such folder.`, { hint: "Check --dataroot." });
  }
  return new PixcycleError("E_DATA_MISSING", `${root} has none of these folders: ${looked.join("; ")}.`, {
    hint: "Check --dataroot and --phase; a plain folder of inputs is --dataset_mode single.",
  });
}

/**
 * Finds the files of a data set. Layouts: aligned `{phase}` (side by side), or as unaligned with equal names;
 * unaligned `{phase}A` + `{phase}B`, `A/{phase}` + `B/{phase}`, `A` + `B`; single: a folder or a file; colorization:
 * `{phase}`.
 * Folders are searched with all below them. Throws `E_DATA_MISSING` or `E_DATA_EMPTY`; pairs that do not match
 * are returned as errors beside those that do.
 */
export async function scanDataset(options: LayoutOptions): Promise<Scan> {
  const { dataroot, dataset_mode, phase } = options;
  const inFolder = async (folder: string) =>
    limited(
      options,
      (await listImages(folder)).map((file) => join(folder, file)),
    );

  if (dataset_mode === "single") {
    if (await isFolder(dataroot))
      return { files: { kind: "single", files: await inFolder(dataroot) }, errors: [] };
    const found = await stat(dataroot).catch(() => undefined);
    if (found?.isFile()) return { files: { kind: "single", files: [dataroot] }, errors: [] };
    throw new PixcycleError("E_DATA_MISSING", `${dataroot}: no such folder or file.`, {
      hint: "Check --dataroot.",
    });
  }
  const wholePhase = join(dataroot, phase);
  if (dataset_mode === "aligned" && (await isFolder(wholePhase))) {
    return { files: { kind: "side_by_side", files: await inFolder(wholePhase) }, errors: [] };
  }
  if (dataset_mode === "colorization") {
    if (!(await isFolder(wholePhase))) throw await missing(dataroot, [`${phase} (colour images)`]);
    return { files: { kind: "colorization", files: await inFolder(wholePhase) }, errors: [] };
  }
  const found = await findSides(dataroot, phase);
  if (found === undefined) {
    const two = [`${phase}A and ${phase}B`, `A/${phase} and B/${phase}`, "A and B"];
    throw await missing(
      dataroot,
      dataset_mode === "aligned" ? [`${phase} (pairs side by side)`, ...two] : two,
    );
  }
  const sides = options.direction === "AtoB" ? found : { A: found.B, B: found.A };
  const named = async (folder: string) => namedIn(folder, await listImages(folder));
  return scanSides(options, await named(sides.A), await named(sides.B));
}
