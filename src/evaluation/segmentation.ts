import { readFile } from "node:fs/promises";
import { z } from "zod";
import { PixcycleError } from "../errors.js";
import type { FloatTensor } from "../formats/tensor.js";

/** The classes of a label map and their colours. */
export type LabelPalette = readonly {
  readonly name: string;
  /** Red, green and blue, 0 to 255. */
  readonly color: readonly [number, number, number];
  /** Pixels whose truth is this class do not count. */
  readonly ignore?: boolean | undefined;
}[];

/** How well label maps agree with their truth, over all pixels of all images; from 0 to 1, as in FCN's tables. */
export interface SegmentationScores {
  /** Pixels of the right class. */
  readonly pixelAccuracy: number;
  /** The mean over classes of the part of a class's pixels that are right; classes that no truth has are left out. */
  readonly classAccuracy: number;
  /** The mean over classes of intersection over union; ignored classes, and those that neither has, are left out. */
  readonly classIoU: number;
  readonly classes: readonly {
    readonly name: string;
    readonly pixels: number;
    readonly accuracy: number | null;
    readonly iou: number | null;
  }[];
}

const byte = z.int().min(0).max(255);
const color = z.tuple([byte, byte, byte]);
const paletteFile = z.union([
  z.array(z.object({ name: z.string(), color, ignore: z.boolean().optional() })).min(2),
  z.record(z.string(), color),
]);

/**
 * Reads a palette: `{"road": [128, 64, 128], …}`, or `[{"name": "road", "color": [128, 64, 128], "ignore": true}, …]`.
 * @throws PixcycleError E_FILE_MISSING, E_FILE_FORMAT
 */
export async function readPalette(path: string): Promise<LabelPalette> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new PixcycleError("E_FILE_MISSING", `${path} cannot be read.`, { hint: "Check the path.", cause });
  });
  const hint = 'Write {"road": [128, 64, 128], "sky": [70, 130, 180]}.';
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    throw new PixcycleError("E_FILE_FORMAT", `${path} is not JSON.`, { hint, cause });
  }
  const parsed = paletteFile.safeParse(content);
  if (!parsed.success) throw new PixcycleError("E_FILE_FORMAT", `${path} is not a palette.`, { hint });
  if (Array.isArray(parsed.data)) return parsed.data;
  return Object.entries(parsed.data).map(([name, rgb]) => ({ name, color: rgb }));
}

/**
 * Counts which class was taken for which. Each pixel belongs to the class with the nearest colour, in outputs and in
 * truth, as for CycleGAN's photo → labels.
 */
export class LabelScorer {
  /** [truth, output] */
  private readonly confusion: Float64Array;

  constructor(private readonly palette: LabelPalette) {
    this.confusion = new Float64Array(palette.length ** 2);
  }

  /**
   * Adds an image and its truth, [3, H, W] in [−1, 1].
   * @throws PixcycleError E_SHAPE for images of other shapes
   */
  add(output: FloatTensor, truth: FloatTensor): void {
    const [channels, height = 0, width = 0] = truth.shape;
    if (channels !== 3 || output.shape.join() !== truth.shape.join()) {
      throw new PixcycleError(
        "E_SHAPE",
        `Label maps are RGB images of one size, not [${output.shape.join(", ")}] and [${truth.shape.join(", ")}].`,
      );
    }
    const plane = height * width;
    for (let pixel = 0; pixel < plane; pixel++) {
      const expected = this.nearest(truth.data, pixel, plane);
      if (this.palette[expected]!.ignore === true) continue;
      this.confusion[expected * this.palette.length + this.nearest(output.data, pixel, plane)]!++;
    }
  }

  scores(): SegmentationScores {
    const n = this.palette.length;
    const count = (truth: number, output: number) => this.confusion[truth * n + output]!;
    const all = [...this.palette.keys()];
    const total = (of: (k: number) => number) => all.reduce((sum, k) => sum + of(k), 0);
    const classes = this.palette.map(({ name, ignore = false }, c) => {
      const pixels = total((k) => count(c, k));
      const union = pixels + total((k) => count(k, c)) - count(c, c);
      return {
        ...{ name, pixels },
        accuracy: pixels === 0 ? null : count(c, c) / pixels,
        iou: ignore || union === 0 ? null : count(c, c) / union,
      };
    });
    return {
      pixelAccuracy: total((c) => count(c, c)) / total((c) => classes[c]!.pixels),
      classAccuracy: meanOf(classes.map(({ accuracy }) => accuracy)),
      classIoU: meanOf(classes.map(({ iou }) => iou)),
      classes,
    };
  }

  private nearest(data: Float32Array, pixel: number, plane: number): number {
    let best = 0;
    let least = Number.POSITIVE_INFINITY;
    for (const [index, { color: rgb }] of this.palette.entries()) {
      let distance = 0;
      for (let c = 0; c < 3; c++) distance += ((data[c * plane + pixel]! + 1) * 127.5 - rgb[c]!) ** 2;
      if (distance < least) {
        least = distance;
        best = index;
      }
    }
    return best;
  }
}

function meanOf(values: readonly (number | null)[]): number {
  const present = values.filter((value) => value !== null);
  return present.reduce((sum, value) => sum + value, 0) / present.length;
}
