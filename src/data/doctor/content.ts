import { counted } from "../../formats/words.js";
import { type Finding, groupBy, warning } from "./findings.js";
import type { Looked } from "./look.js";

/** Smaller deviations, of 255 levels, are no picture. */
const BLANK_BELOW = 0.5;

/** Images of one colour, and images whose channels or depth differ from most of their side. */
export function contentFindings(looked: readonly Looked[]): Finding[] {
  const findings: Finding[] = [];
  const blank = looked.filter(({ picture }) => picture.deviation < BLANK_BELOW);
  if (blank.length > 0) {
    const message = `${counted(blank.length, "image")} of a single colour.`;
    findings.push(
      warning("blank images", message, "Remove them, unless that is on purpose.", pathsOf(blank)),
    );
  }
  for (const side of ["A", "B"] as const) {
    const images = looked.filter((image) => image.side === side);
    const kinds = groupBy(images, ({ channels, depth }) => kindOf(channels, depth));
    const [usual, ...rare] = kinds;
    if (usual === undefined) continue;
    for (const [kind, others] of rare) {
      const message = `${counted(others.length, "image")} of side ${side} in ${kind}, the others in ${usual[0]}.`;
      findings.push(
        warning(
          "channels",
          message,
          "They are converted when loaded; look whether that is meant.",
          pathsOf(others),
        ),
      );
    }
    const alpha = images.filter(({ channels }) => channels === 2 || channels === 4);
    if (alpha.length > 0) {
      const message = `${counted(alpha.length, "image")} of side ${side} with transparency, which is dropped.`;
      const hint = "Blend them on a background before, or train on 4 channels.";
      findings.push(warning("transparency", message, hint, pathsOf(alpha)));
    }
  }
  return findings;
}

/** A name for what an image holds: `RGB`, `gray of 16 bits`, `7 channels`. */
export function kindOf(channels: number, depth: 8 | 16): string {
  const name = ["", "gray", "gray with alpha", "RGB", "RGBA"][channels] ?? `${channels} channels`;
  return depth === 8 ? name : `${name} of 16 bits`;
}

/** What loading will do to sizes: squash, or enlarge much. */
export function sizeFindings(
  looked: readonly Looked[],
  { preprocess, load_size }: { readonly preprocess: string; readonly load_size: number },
): Finding[] {
  if (preprocess !== "resize_and_crop") return [];
  const findings: Finding[] = [];
  const squashed = looked.filter(
    ({ width, height }) => Math.max(width, height) > 1.1 * Math.min(width, height),
  );
  if (squashed.length > 0) {
    const message = `Not square: ${countOf(squashed, looked)}; --preprocess resize_and_crop squashes them.`;
    const hint = "Use --preprocess scale_width_and_crop to keep their shape.";
    findings.push(warning("sizes", message, hint, someOf(squashed, looked)));
  }
  const small = looked.filter(({ width, height }) => Math.min(width, height) < load_size / 2);
  if (small.length > 0) {
    const message = `Enlarged more than twice, to --load_size ${load_size}: ${countOf(small, looked)}.`;
    const hint = "Train at a smaller --load_size and --crop_size: enlarging adds no detail.";
    findings.push(warning("sizes", message, hint, someOf(small, looked)));
  }
  return findings;
}

function countOf(some: readonly Looked[], all: readonly Looked[]): string {
  return some.length === all.length ? "all images" : counted(some.length, "image");
}

/** The paths of some images; none where it is all of them. */
function someOf(some: readonly Looked[], all: readonly Looked[]): string[] {
  return some.length === all.length ? [] : pathsOf(some);
}

function pathsOf(images: readonly Looked[]): string[] {
  return [...new Set(images.map(({ path }) => path))];
}
