import { counted } from "../../formats/words.js";
import { type Duplicate, findDuplicates, type Subject } from "./duplicates.js";
import { type Finding, groupBy, warning } from "./findings.js";
import { type DatasetMode, isOneSided } from "./inventory.js";
import type { Looked, Side } from "./look.js";
import { findSwapped, type SideVector } from "./swapped.js";

/** The two images of every pair, by its name. */
function pairsOf(looked: readonly Looked[]): (readonly [A: Looked, B: Looked])[] {
  const A = new Map<string, Looked>();
  const pairs: (readonly [Looked, Looked])[] = [];
  for (const image of looked) {
    if (image.pair !== undefined && image.side === "A") A.set(image.pair, image);
  }
  for (const image of looked) {
    const partner = image.pair === undefined || image.side === "A" ? undefined : A.get(image.pair);
    if (partner !== undefined) pairs.push([partner, image]);
  }
  return pairs;
}

/** The same picture twice: between the parts, within one, or on both sides. */
export function duplicateFindings(looked: readonly Looked[], mode: DatasetMode): Finding[] {
  const subjects: Subject[] =
    mode === "aligned"
      ? pairsOf(looked).map(([A, B]) => ({ path: A.path, group: A.phase, pictures: [A.picture, B.picture] }))
      : looked.map(({ path, phase, side, picture }) => ({
          path,
          group: isOneSided(mode) ? phase : `${phase}${side}`,
          pictures: [picture],
        }));
  const noun = mode === "aligned" ? "pair" : "image";
  const kindOf = ({ exact, first, second }: Duplicate) =>
    JSON.stringify([exact, ...[first.group, second.group].sort()]);
  return groupBy(findDuplicates(subjects), kindOf).map(([key, duplicates]) => {
    const [exact, one, other] = JSON.parse(key) as [boolean, string, string];
    const parts = one.replace(/[AB]$/, "") === other.replace(/[AB]$/, "") ? "within" : "between";
    const where = one === other ? `within ${one || "the folder"}` : `in both ${one} and ${other}`;
    const count = counted(new Set(duplicates.map(({ second }) => second.path)).size, noun);
    const files = duplicates.map(({ first, second }) => `${first.path} = ${second.path}`);
    const leak = one !== other && parts === "between";
    const hint = leak
      ? "Remove them from one part: scores on images that were trained on say little."
      : one !== other
        ? "Remove them from one side: an image cannot be of both domains."
        : "Remove one of each, unless that is on purpose.";
    const message = `${count} ${exact ? "exactly" : "nearly"} the same ${where}.`;
    return { severity: leak && exact ? "problem" : "warning", topic: "duplicates", message, hint, files };
  });
}

/** Sides that look exchanged: of single pairs or images, or of a whole part. */
export function swapFindings(looked: readonly Looked[], mode: DatasetMode): Finding[] {
  if (isOneSided(mode)) return [];
  const pairs = pairsOf(looked);
  const vectors = mode === "aligned" ? pairVectors(pairs) : sideVectors(looked);
  const identical = pairs.filter(([A, B]) => A.picture.digest === B.picture.digest);
  const findings: Finding[] = [];
  if (identical.length > 0) {
    const message = `${counted(identical.length, "pair")} with the same image on both sides.`;
    const hint = "Look whether one was saved in the place of the other.";
    findings.push(
      warning(
        "identical sides",
        message,
        hint,
        identical.map(([A]) => A.path),
      ),
    );
  }
  const swapped = findSwapped(vectors)?.swapped ?? [];
  for (const phase of new Set(swapped.map((image) => image.phase))) {
    const here = swapped.filter((image) => image.phase === phase);
    const all = vectors.filter(({ item }) => item.phase === phase).length;
    const files = here.map(({ path }) => path);
    if (mode === "aligned") {
      const which =
        here.length > all / 2 ? `Most pairs of ${phase}` : `${counted(here.length, "pair")} of ${phase}`;
      const message = `${which} with sides that look exchanged: A is as B elsewhere, and B as A.`;
      const hint =
        "Look at them, and swap their sides; if only the direction is another, use --direction BtoA.";
      findings.push({ severity: "problem", topic: "swapped sides", message, hint, files });
    } else {
      const message = `${counted(here.length, "image")} of ${phase} more like those of the other side.`;
      findings.push(warning("swapped sides", message, "Look at them, and move those that are.", files));
    }
  }
  return findings;
}

function pairVectors(pairs: readonly (readonly [A: Looked, B: Looked])[]): SideVector<Looked>[] {
  return pairs.map(([A, B]) => ({
    item: A,
    difference: A.picture.features.map((value, f) => value - B.picture.features[f]!),
  }));
}

/** Images without partners, each against the middle between the two sides. */
function sideVectors(looked: readonly Looked[]): SideVector<Looked>[] {
  const of = (side: Side) => looked.filter((image) => image.side === side);
  const centre = (images: readonly Looked[], f: number) => {
    const sorted = images.map(({ picture }) => picture.features[f]!).sort((a, b) => a - b);
    return sorted[sorted.length >> 1] ?? 0;
  };
  const [A, B] = [of("A"), of("B")];
  const count = looked[0]?.picture.features.length ?? 0;
  const middle = Array.from({ length: count }, (_, f) => (centre(A, f) + centre(B, f)) / 2);
  return looked.map((item) => ({
    item,
    difference: item.picture.features.map((value, f) => (value - middle[f]!) * (item.side === "A" ? 1 : -1)),
  }));
}
