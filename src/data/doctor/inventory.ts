import { readdir } from "node:fs/promises";
import { extname, join } from "node:path";
import { PixcycleError } from "../../errors.js";
import { IMAGE_EXTENSIONS } from "../image.js";
import { findSides, isFolder, listImages, type Pair, pairByName, walk } from "../layout.js";
import type { DatasetOptions } from "../sample.js";

export type DatasetMode = DatasetOptions["dataset_mode"];

/** Which of the reference's layouts a folder has. */
export interface Inventory {
  readonly mode: DatasetMode;
  /** Why, in words, where the mode was not given. */
  readonly because: string;
  /** Its parts that exist, `train` first; one without a name for a plain folder of images. */
  readonly phases: readonly string[];
}

/** Whether a data set's images stand alone, rather than on two sides. */
export const isOneSided = (mode: DatasetMode): boolean => mode === "single" || mode === "colorization";

const PHASES = ["train", "val", "test"];

/**
 * Finds out how a data set is laid out. Two folders are pairs if most of their names are equal.
 *
 * @param mode the layout where a person gave it
 * @throws PixcycleError E_DATA_MISSING, E_DATA_EMPTY
 */
export async function takeInventory(root: string, mode: DatasetMode | undefined): Promise<Inventory> {
  if (!(await isFolder(root))) {
    throw new PixcycleError("E_DATA_MISSING", `${root}: no such folder.`, { hint: "Check the path." });
  }
  const phases: string[] = [];
  for (const phase of PHASES) if (await hasPhase(root, phase)) phases.push(phase);
  if (phases.length === 0 && (await findSides(root, "train")) !== undefined) phases.push("train");
  if (mode !== undefined) {
    // Without any part, looking for `train` reports what is missing.
    const parts = phases.length === 0 ? ["train"] : phases;
    return { mode, because: "as given", phases: mode === "single" ? [""] : parts };
  }
  const [first] = phases;
  if (first === undefined) return { mode: "single", because: "no train, trainA or A in it", phases: [""] };
  if (await isFolder(join(root, first))) {
    return { mode: "aligned", because: `pairs side by side in ${first}`, phases };
  }
  const sides = (await findSides(root, first))!;
  const matching = await shareOfPairs(sides);
  const guessed = matching > 0.5 ? "aligned" : "unaligned";
  const names = `${Math.floor(matching * 100)} % of the names in ${sides.A} and ${sides.B} are equal`;
  return { mode: guessed, because: matching === 0 ? names : `${names}; ${OTHERWISE[guessed]}`, phases };
}

/** Numbered files may have equal names by chance, and pairs may be misnamed. */
const OTHERWISE = {
  aligned: "if they are no pairs, add --dataset_mode unaligned",
  unaligned: "if they are pairs, add --dataset_mode aligned",
};

async function hasPhase(root: string, phase: string): Promise<boolean> {
  const candidates = [join(root, phase), join(root, `${phase}A`), join(root, "A", phase)];
  return (await Promise.all(candidates.map(isFolder))).some(Boolean);
}

/** Pairs, as a part of the images of the smaller side. */
async function shareOfPairs(sides: Pair): Promise<number> {
  const [A, B] = [await listImages(sides.A), await listImages(sides.B)];
  return pairByName(sides, A, B).pairs.length / Math.min(A.length, B.length);
}

/** Files below a data set that are no images by their names, relative to it. */
export async function otherFiles(root: string): Promise<string[]> {
  const isOther = (file: string) => !IMAGE_EXTENSIONS.has(extname(file).toLowerCase());
  const top = new Set(await readdir(root));
  return (await walk(root)).filter((file) => isOther(file) && !top.has(file)).sort();
}
