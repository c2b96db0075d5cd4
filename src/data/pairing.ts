import { PixcycleError } from "../errors.js";
import type { DataOptions } from "../options/schema.js";

/** One image of each side, by path. */
export interface Pair {
  readonly A: string;
  readonly B: string;
}

/** The files of a data set, in order; plain data, so that worker threads can be given it. A and B are the sides
 * after `direction`: A is the input. */
export type DatasetFiles =
  | { readonly kind: "side_by_side"; readonly files: readonly string[] }
  | { readonly kind: "pairs"; readonly pairs: readonly Pair[] }
  | { readonly kind: "unaligned"; readonly A: readonly string[]; readonly B: readonly string[] }
  | { readonly kind: "single"; readonly files: readonly string[] }
  | { readonly kind: "colorization"; readonly files: readonly string[] };

/** A file of a folder: its name within it, and where it is. */
export interface NamedFile {
  readonly name: string;
  readonly path: string;
}

/** What two folders of equally named images give: pairs, and files whose partner is missing or not unique. */
export interface Pairing {
  readonly pairs: Pair[];
  readonly unmatched: string[];
  readonly ambiguous: string[];
}

/** A name without its ending: `sub/name` of `sub/name.ext`. */
const stem = (name: string): string => name.replace(/(?<=[^/])\.[^./]*$/, "");

/** Pairs `sub/name.ext` of one side with `sub/name.*` of the other. */
export function pairFiles(filesA: readonly NamedFile[], filesB: readonly NamedFile[]): Pairing {
  const group = (files: readonly NamedFile[]) => {
    const groups = new Map<string, string[]>();
    for (const { name, path } of files) groups.set(stem(name), [...(groups.get(stem(name)) ?? []), path]);
    return groups;
  };
  const groupsA = group(filesA);
  const groupsB = group(filesB);
  const pairing: Pairing = { pairs: [], unmatched: [], ambiguous: [] };
  for (const name of new Set([...groupsA.keys(), ...groupsB.keys()])) {
    const A = groupsA.get(name) ?? [];
    const B = groupsB.get(name) ?? [];
    if (A.length === 0 || B.length === 0) pairing.unmatched.push(...A, ...B);
    else if (A.length > 1 || B.length > 1) pairing.ambiguous.push(...A, ...B);
    else pairing.pairs.push({ A: A[0]!, B: B[0]! });
  }
  return pairing;
}

/** The first three paths, and how many more there are. */
export function nameSome(paths: readonly string[]): string {
  const more = paths.length > 3 ? ` and ${paths.length - 3} more` : "";
  return paths.slice(0, 3).join(", ") + more;
}

/** The errors of a pairing: none, or `E_DATA_PAIR` for what is unmatched and for what is ambiguous. */
function pairingErrors({ unmatched, ambiguous }: Pairing): PixcycleError[] {
  const errors: PixcycleError[] = [];
  if (unmatched.length > 0) {
    const count = unmatched.length === 1 ? "1 image has" : `${unmatched.length} images have`;
    errors.push(
      new PixcycleError("E_DATA_PAIR", `${count} no partner of the same name: ${nameSome(unmatched)}.`, {
        hint: "For unpaired folders use --model cycle_gan --dataset_mode unaligned.",
      }),
    );
  }
  if (ambiguous.length > 0) {
    errors.push(
      new PixcycleError("E_DATA_PAIR", `Names differ only in their ending: ${nameSome(ambiguous)}.`, {
        hint: "Keep one image of each name in a folder.",
      }),
    );
  }
  return errors;
}

/** What was found: the files, and for two folders of pairs what did not pair. */
export interface Scan {
  readonly files: DatasetFiles;
  readonly errors: readonly PixcycleError[];
}

/** The first items, as many as `max_dataset_size` allows. */
export function limited<T>(
  { max_dataset_size }: Pick<DataOptions, "max_dataset_size">,
  items: readonly T[],
): readonly T[] {
  return max_dataset_size > 0 ? items.slice(0, max_dataset_size) : items;
}

/** The files of a data set of two sides, A being the input: unaligned, or pairs of equal names. */
export function scanSides(
  options: Pick<DataOptions, "dataset_mode" | "max_dataset_size">,
  A: readonly NamedFile[],
  B: readonly NamedFile[],
): Scan {
  if (options.dataset_mode === "unaligned") {
    const paths = (files: readonly NamedFile[]) => limited(options, files).map(({ path }) => path);
    return { files: { kind: "unaligned", A: paths(A), B: paths(B) }, errors: [] };
  }
  const pairing = pairFiles(A, B);
  return { files: { kind: "pairs", pairs: limited(options, pairing.pairs) }, errors: pairingErrors(pairing) };
}
