import { constants } from "node:fs";
import { copyFile, writeFile } from "node:fs/promises";
import { basename, dirname, extname, join, relative } from "node:path";
import { PixcycleError } from "../../errors.js";
import { createDirectoryAtomic } from "../../formats/atomic.js";
import { makeFolder } from "../../formats/make-folder.js";
import { RandomStream } from "../../random/philox.js";
import { isFolder, listImages } from "../layout.js";
import type { ToolWatcher } from "./combine.js";
import { pairFolders, requireFolder } from "./sides.js";

export interface SplitOptions {
  /** Parts of all images, from 0 to below 1. */
  readonly val: number;
  readonly test: number;
  readonly seed: number;
  /** A and B are of unpaired images, and are divided each for itself. */
  readonly unpaired: boolean;
}

export type SplitCounts = Readonly<Record<"train" | "val" | "test", number>>;

/** Files that stay together: one image, or the two of a pair, with where they go below a part's folder. */
interface Unit {
  readonly files: readonly { readonly from: string; readonly side: string; readonly name: string }[];
}

/**
 * Copies a folder of images (single ones, or pairs side by side), or its folders A and B, into a new folder with the
 * parts train, val and test, byte for byte. Which image goes where depends on the names and the seed alone.
 *
 * @returns how many images or pairs are in each part
 * @throws PixcycleError E_DATA_MISSING, E_DATA_EMPTY, E_DATA_PAIR, E_OPTION, E_DATA_SIZE for too few, E_FILE_WRITE
 */
export async function splitFolder(
  root: string,
  out: string,
  options: SplitOptions,
  watcher: ToolWatcher,
): Promise<SplitCounts> {
  checkShares(options);
  await requireFolder(root);
  await refuseNested(root, out);
  const groups = await unitsOf(root, options.unpaired);
  const parts = groups.map((units) => divide(units, options));
  const counts = { train: 0, val: 0, test: 0 };
  const all = parts.flat();
  await createDirectoryAtomic(out, async (partial) => {
    for (const [index, { part, unit }] of all.entries()) {
      watcher.signal.throwIfAborted();
      for (const { from, side, name } of unit.files) {
        const to = join(partial, `${part}${side}`, name);
        await makeFolder(dirname(to));
        await copyFile(from, to, constants.COPYFILE_FICLONE);
      }
      counts[part]++;
      watcher.onImage(index + 1, all.length);
    }
    const { val, test, seed } = options;
    await writeFile(join(partial, "split.json"), `${JSON.stringify({ val, test, seed, counts })}\n`);
  });
  return counts;
}

function checkShares({ val, test }: SplitOptions): void {
  const valid = [val, test].every((share) => share >= 0 && share < 1) && val + test > 0 && val + test < 1;
  if (valid) return;
  throw new PixcycleError("E_OPTION", `--val ${val} and --test ${test} are no parts of a whole.`, {
    hint: "Give parts from 0 to below 1 that leave some for training, such as --val 0.1 --test 0.1.",
  });
}

/** A folder that is divided already, or whose copy would lie in itself. */
async function refuseNested(root: string, out: string): Promise<void> {
  const inside = relative(root, out);
  if (inside === "" || !inside.startsWith("..")) {
    throw new PixcycleError("E_OPTION", `${out} lies in ${root}, the folder to divide.`, {
      hint: "Give another place with --out.",
    });
  }
  for (const name of ["train", "trainA"]) {
    if (!(await isFolder(join(root, name)))) continue;
    throw new PixcycleError("E_OPTION", `${root} is divided already: it has ${name}.`, {
      hint: "Give the folder of images itself.",
    });
  }
}

/** What is divided: groups of units, each group for itself. */
async function unitsOf(root: string, unpaired: boolean): Promise<Unit[][]> {
  const sides = { A: join(root, "A"), B: join(root, "B") };
  const listed = async (folder: string, side: string): Promise<Unit[]> =>
    (await listImages(folder)).map((name) => ({ files: [{ from: join(folder, name), side, name }] }));
  if (!(await isFolder(sides.A)) || !(await isFolder(sides.B))) return [await listed(root, "")];
  if (unpaired) return [await listed(sides.A, "A"), await listed(sides.B, "B")];
  const pairs = await pairFolders(sides).catch((error: unknown) => {
    if (!(error instanceof PixcycleError) || error.code !== "E_DATA_PAIR") throw error;
    throw new PixcycleError("E_DATA_PAIR", error.message, {
      hint: "Rename or remove them, or give --unpaired to divide A and B each for itself.",
    });
  });
  const fileOf = (from: string, side: "A" | "B") => ({ from, side, name: relative(sides[side], from) });
  return [pairs.map(({ A, B }) => ({ files: [fileOf(A, "A"), fileOf(B, "B")] }))];
}

type Part = keyof SplitCounts;

function divide(units: readonly Unit[], { val, test, seed }: SplitOptions): { part: Part; unit: Unit }[] {
  const keyOf = ({ files }: Unit) => files[0]!.name.slice(0, -extname(files[0]!.name).length);
  const sorted = [...units].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  const side = units[0]!.files.length === 1 ? units[0]!.files[0]!.side : "";
  const order = new RandomStream(seed, `split ${side}`).shuffle(sorted.map((_, index) => index));
  const share = (part: number) => (part === 0 ? 0 : Math.max(1, Math.round(part * units.length)));
  const [tests, vals] = [share(test), share(val)];
  if (tests + vals >= units.length) {
    const folder = basename(dirname(units[0]!.files[0]!.from));
    throw new PixcycleError("E_DATA_SIZE", `${units.length} in ${folder} are too few for these parts.`, {
      hint: "Give more images, or smaller --val and --test.",
    });
  }
  const partOf = new Map<number, Part>();
  for (const [rank, index] of order.entries()) {
    partOf.set(index, rank < tests ? "test" : rank < tests + vals ? "val" : "train");
  }
  return sorted.map((unit, index) => ({ part: partOf.get(index)!, unit }));
}
