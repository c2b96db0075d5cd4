import type { Picture } from "./picture.js";

/** What is compared: one picture, or the two of a pair. */
export interface Subject {
  readonly path: string;
  /** Where it belongs, such as `trainA`. */
  readonly group: string;
  readonly pictures: readonly Picture[];
}

/** Two that show the same. */
export interface Duplicate {
  readonly first: Subject;
  readonly second: Subject;
  /** Sample for sample, or nearly: compressed again, resized, slightly changed. */
  readonly exact: boolean;
}

/** Differing bits of the hash, and levels of the small copies' mean difference, up to which pictures are nearly equal. */
const MAX_BITS = 8;
const MAX_LEVELS = 4;
/** The difference may be this part of a picture's own contrast: icons on white are all alike otherwise. */
const CONTRAST_SHARE = 0.06;

/**
 * Finds subjects that show the same, each with at most one of every group.
 *
 * The mean difference of two pictures is at least the difference of their means, so that in the order of the means
 * only neighbours have to be compared: for n of them about n² · 4 / 256 comparisons instead of n² / 2.
 */
export function findDuplicates(subjects: readonly Subject[]): Duplicate[] {
  const distinct: Subject[] = [];
  const exact: Duplicate[] = [];
  const seen = new Map<string, Subject[]>();
  for (const second of subjects) {
    const digest = second.pictures.map((picture) => picture.digest).join();
    const same = seen.get(digest) ?? [];
    for (const first of same) exact.push({ first, second, exact: true });
    if (same.length === 0) distinct.push(second);
    if (!same.some(({ group }) => group === second.group)) seen.set(digest, [...same, second]);
  }
  return [...exact, ...nearDuplicates(distinct)];
}

function nearDuplicates(distinct: readonly Subject[]): Duplicate[] {
  const rank = new Map(distinct.map((subject, index) => [subject, index]));
  const meanOf = ({ pictures }: Subject) => pictures[0]!.mean;
  const sorted = [...distinct].sort((a, b) => meanOf(a) - meanOf(b));
  const near: Duplicate[] = [];
  for (const [index, item] of sorted.entries()) {
    const groups = new Set<string>();
    for (let next = index + 1; next < sorted.length; next++) {
      const other = sorted[next]!;
      if (meanOf(other) - meanOf(item) > MAX_LEVELS) break;
      if (groups.has(other.group) || !areNear(item, other)) continue;
      groups.add(other.group);
      const [first, second] = rank.get(item)! < rank.get(other)! ? [item, other] : [other, item];
      near.push({ first, second, exact: false });
    }
  }
  return near.sort((a, b) => rank.get(a.first)! - rank.get(b.first)!);
}

function areNear(a: Subject, b: Subject): boolean {
  if (a.pictures.length !== b.pictures.length) return false;
  return a.pictures.every((picture, index) => picturesAreNear(picture, b.pictures[index]!));
}

/** Whether two pictures differ no more than copies do. Pictures of one colour have nothing to be compared by. */
function picturesAreNear(a: Picture, b: Picture): boolean {
  const contrast = Math.min(a.deviation, b.deviation);
  if (contrast < 1) return false;
  if (bits(a.hash[0] ^ b.hash[0]) + bits(a.hash[1] ^ b.hash[1]) > MAX_BITS) return false;
  const most = Math.min(MAX_LEVELS, contrast * CONTRAST_SHARE) * a.small.length;
  let difference = 0;
  for (let i = 0; i < a.small.length && difference <= most; i++) {
    difference += Math.abs(a.small[i]! - b.small[i]!);
  }
  return difference <= most;
}

function bits(word: number): number {
  let count = 0;
  for (let left = word; left !== 0; left &= left - 1) count++;
  return count;
}
