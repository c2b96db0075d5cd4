import { decodeImage } from "../image.js";
import type { DatasetFiles } from "../layout.js";
import type { Image } from "../pixels.js";
import { splitColumn } from "../samples.js";
import { cropImage } from "../transforms.js";
import { describePicture, type Picture } from "./picture.js";

export type Side = "A" | "B";

/** An image, or one half of one that holds a pair, as it was found. */
export interface Looked {
  readonly path: string;
  readonly phase: string;
  readonly side: Side;
  /** Images of one pair have the same. */
  readonly pair: string | undefined;
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly depth: 8 | 16;
  readonly picture: Picture;
}

/** One file to look into: which sides it holds. */
export interface Item {
  readonly path: string;
  readonly sides: readonly Side[];
  readonly pair: string | undefined;
}

/** The files of one phase, each once. */
export function itemsOf(files: DatasetFiles): Item[] {
  const alone = (side: Side) => (path: string) => ({ path, sides: [side], pair: undefined });
  switch (files.kind) {
    case "side_by_side":
      return files.files.map((path) => ({ path, sides: ["A", "B"] as const, pair: path }));
    case "pairs":
      return files.pairs.flatMap(({ A, B }) => [
        { path: A, sides: ["A"] as const, pair: A },
        { path: B, sides: ["B"] as const, pair: A },
      ]);
    case "unaligned":
      return [...files.A.map(alone("A")), ...files.B.map(alone("B"))];
    case "single":
    case "colorization":
      return files.files.map(alone("A"));
  }
}

/**
 * Decodes a file whole and describes what it shows, each half of a pair side by side for itself.
 *
 * @throws PixcycleError E_IMAGE_READ, E_IMAGE_SIZE, E_DATA_SIZE
 */
export async function lookAt({ path, sides, pair }: Item, phase: string): Promise<Looked[]> {
  const image = await decodeImage(path);
  const parts = sides.length === 1 ? [image] : splitSides(image, path);
  return parts.map((part, index) => {
    const { width, height, channels, depth } = part;
    const picture = describePicture(part);
    return { path, phase, side: sides[index]!, pair, width, height, channels, depth, picture };
  });
}

/** The left and right half of an image. */
export function splitSides(image: Image, path: string): [A: Image, B: Image] {
  const column = splitColumn(image.width, path);
  return [
    cropImage(image, 0, 0, column, image.height),
    cropImage(image, column, 0, image.width - column, image.height),
  ];
}
