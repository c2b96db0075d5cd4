import { PixcycleError } from "../../errors.js";
import { isFolder, listImages, nameSome, type Pair, pairByName } from "../layout.js";

/** A folder that a person named. Throws E_DATA_MISSING. */
export async function requireFolder(path: string): Promise<void> {
  if (await isFolder(path)) return;
  throw new PixcycleError("E_DATA_MISSING", `${path}: no such folder.`, { hint: "Check the path." });
}

/**
 * The pairs of equal names in two folders and all below them.
 *
 * @throws PixcycleError E_DATA_MISSING, E_DATA_EMPTY, E_DATA_PAIR for any image that is not in exactly one pair
 */
export async function pairFolders(sides: Pair): Promise<Pair[]> {
  await requireFolder(sides.A);
  await requireFolder(sides.B);
  const { pairs, unmatched, ambiguous } = pairByName(
    sides,
    await listImages(sides.A),
    await listImages(sides.B),
  );
  const wrong = [...unmatched, ...ambiguous];
  if (wrong.length === 0) return pairs;
  throw new PixcycleError(
    "E_DATA_PAIR",
    `${wrong.length} images have not exactly one partner of the same name: ${nameSome(wrong)}.`,
    { hint: "Rename or remove them; nothing was written." },
  );
}
