import { loadBatch } from "../data/batch.js";
import { Loader } from "../data/batches.js";
import { checkFiles } from "../data/check-files.js";
import type { ImageStore, ScaledImage } from "../data/image-store.js";
import { limited, type NamedFile, type Scan, scanSides } from "../data/pairing.js";
import type { Image } from "../data/pixels.js";
import type { Dataset } from "../data/sample.js";
import { type Decode, makeDataset } from "../data/samples.js";
import { PixcycleError } from "../errors.js";
import type { Options } from "../options/schema.js";
import { heldOutOptions } from "../training/held-out.js";
import { acceptImages } from "../training/sizes.js";
import type { TrainingData } from "../training/trainer.js";
import type { SentImage, SentImages } from "./images.js";
import { readPixels } from "./source.js";

/**
 * Looks into every image of a training, and opens the batches of it.
 * @throws PixcycleError for the first problem, with the number of the others: E_DATA_EMPTY, E_DATA_PAIR, E_DATA_SIZE,
 *   E_IMAGE_READ
 */
export async function openTrainingData(options: Options, images: SentImages): Promise<TrainingData> {
  const { scan, decode } = openImages(options, images);
  const largest = acceptImages(await checkFiles(options, scan, decode), options);
  const dataset = makeDataset(options, scan.files, decode, new ScaledImages(options));
  const loader = new Loader({ ...options, num_threads: 0 }, dataset.length, {
    load: (epoch, indices) => loadBatch(dataset, epoch, indices),
    close: async () => undefined,
  });
  return {
    ...{ batchesPerEpoch: loader.batches, largest },
    batches: (epoch, startBatch) => loader.epoch(epoch, startBatch),
    close: () => loader.close(),
  };
}

/** Opens images that are not trained on, after looking into all of them; errors as `openTrainingData`. */
export async function openHeldOut(options: Options, images: SentImages): Promise<Dataset> {
  const whole = heldOutOptions(options);
  const { scan, decode } = openImages(whole, images);
  acceptImages(await checkFiles(whole, scan, decode), whole);
  return makeDataset(whole, scan.files, decode, new ScaledImages(options));
}

/** The images in the order that folders of them have, and how they are decoded. */
function openImages(options: Options, images: SentImages): { readonly scan: Scan; readonly decode: Decode } {
  const store = new NamedImages();
  if ("images" in images) {
    if (options.dataset_mode === "unaligned") {
      throw new PixcycleError("E_DATA_MISSING", "Unpaired images come in two groups, A and B.", {
        hint: "Give both, or use model pix2pix with pairs side by side.",
      });
    }
    const files = limited(options, store.add("", images.images)).map(({ path }) => path);
    const kind = options.dataset_mode === "colorization" ? "colorization" : "side_by_side";
    return { scan: { files: { kind, files }, errors: [] }, decode: store.decode };
  }
  if (options.dataset_mode === "colorization") {
    throw new PixcycleError(
      "E_OPTION_CONFLICT",
      "dataset_mode colorization learns from one group of images.",
      {
        hint: "Give them as images.",
      },
    );
  }
  const sides = { A: store.add("A/", images.A), B: store.add("B/", images.B) };
  const [A, B] = options.direction === "AtoB" ? [sides.A, sides.B] : [sides.B, sides.A];
  return { scan: scanSides(options, A, B), decode: store.decode };
}

/** Images by their path. */
class NamedImages {
  private readonly images = new Map<string, Blob | Image>();

  /** @returns names and paths, sorted by name as in a folder */
  add(folder: string, images: readonly SentImage[]): NamedFile[] {
    if (images.length === 0) {
      const where = folder === "" ? "There are" : `${folder.slice(0, 1)} has`;
      throw new PixcycleError("E_DATA_EMPTY", `${where} no images.`, {
        hint: "Images are PNG, JPEG, WebP or GIF files.",
      });
    }
    const sorted = [...images].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
    return sorted.map(({ name, image }) => {
      let path = folder + name;
      // Two folders chosen as one side may both have it.
      for (let copy = 2; this.images.has(path); copy++) path = `${folder}${name} (${copy})`;
      this.images.set(path, image);
      return { name, path };
    });
  }

  readonly decode: Decode = async (path) => {
    const source = this.images.get(path)!;
    return source instanceof Blob ? readPixels(source, path) : source;
  };
}

/** MiB that images may take if `image_memory` leaves it open: a page does not know what is free. */
const AUTOMATIC_MEMORY = 256;

/** Scaled images in this thread's memory, each decoded and resized once; what is full stays as it is. */
class ScaledImages implements ImageStore {
  private readonly images = new Map<string, ScaledImage>();
  private free: number;

  constructor({ image_memory }: Pick<Options, "image_memory">) {
    this.free = (image_memory < 0 ? AUTOMATIC_MEMORY : image_memory) * 2 ** 20;
  }

  get(key: string): ScaledImage | undefined {
    return this.images.get(key);
  }

  keep(key: string, image: ScaledImage): void {
    const { byteLength } = image.scaled.data;
    if (byteLength > this.free || this.images.has(key)) return;
    this.free -= byteLength;
    this.images.set(key, image);
  }
}
