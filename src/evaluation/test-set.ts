import { basename, extname } from "node:path";
import { findFiles } from "../data/dataset.js";
import { decodeImage } from "../data/image.js";
import type { DatasetFiles } from "../data/layout.js";
import type { Image } from "../data/pixels.js";
import type { DatasetOptions } from "../data/sample.js";
import { splitPair } from "../data/samples.js";

/** One input of a test set, and its truth where the set has pairs. */
export interface TestImage {
  /** The input's file name without its ending. */
  readonly name: string;
  /** Decodes it, as it is on the disk. @throws PixcycleError E_IMAGE_READ, E_IMAGE_SIZE, E_DATA_SIZE */
  load(): Promise<{ readonly input: Image; readonly truth?: Image }>;
}

export interface TestSet {
  /** Whether every input has a truth. */
  readonly paired: boolean;
  /** Every input, in order; none is left out. */
  readonly images: readonly TestImage[];
  /** The files of the target side, where they are files of their own. */
  readonly targets: readonly string[];
}

export type TestSetOptions = Pick<DatasetOptions, "dataroot" | "phase" | "direction" | "dataset_mode">;

/**
 * Finds the images of a phase, in the folders that training reads. `direction` says which side is the input.
 * @throws PixcycleError E_DATA_MISSING, E_DATA_EMPTY, E_DATA_PAIR where `aligned` finds an image without a partner
 */
export async function openTestSet(options: TestSetOptions): Promise<TestSet> {
  const rest = {
    preprocess: "none",
    load_size: 1,
    crop_size: 1,
    no_flip: true,
    serial_batches: true,
  } as const;
  const unlimited = { max_dataset_size: 0, seed: 0, input_nc: 3, output_nc: 3 };
  return fromFiles(await findFiles({ ...rest, ...unlimited, ...options }), options.direction);
}

function fromFiles(files: DatasetFiles, direction: TestSetOptions["direction"]): TestSet {
  switch (files.kind) {
    case "side_by_side": {
      const images = files.files.map((path) => ({
        name: stemOf(path),
        load: async () => {
          const [input, truth] = splitPair(await decodeImage(path), direction, path);
          return { input, truth };
        },
      }));
      return { paired: true, images, targets: [] };
    }
    case "pairs": {
      const images = files.pairs.map(({ A, B }) => ({
        name: stemOf(A),
        load: async () => ({ input: await decodeImage(A), truth: await decodeImage(B) }),
      }));
      return { paired: true, images, targets: files.pairs.map(({ B }) => B) };
    }
    case "unaligned":
      return { paired: false, images: files.A.map(alone), targets: files.B };
    case "single":
      return { paired: false, images: files.files.map(alone), targets: [] };
    case "colorization": {
      const images = files.files.map((path) => ({
        name: stemOf(path),
        load: async () => {
          const image = await decodeImage(path);
          return { input: image, truth: image };
        },
      }));
      return { paired: true, images, targets: [] };
    }
  }
}

const alone = (path: string): TestImage => ({
  name: stemOf(path),
  load: async () => ({ input: await decodeImage(path) }),
});

const stemOf = (path: string): string => basename(path, extname(path));
