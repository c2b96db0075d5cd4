import { PixcycleError } from "../errors.js";
import { RandomStream } from "../random/philox.js";
import { convertChannels } from "./channels.js";
import { colorizationSample } from "./coding.js";
import type { ImageStore } from "./image-store.js";
import type { DatasetFiles, Pair } from "./pairing.js";
import { type Image, imageToTensor } from "./pixels.js";
import type { Dataset, DatasetOptions, Sample } from "./sample.js";
import {
  type Augmentation,
  cropImage,
  drawAugmentation,
  outputSize,
  scaledSize,
  scaleImage,
} from "./transforms.js";

/** Decodes the image at a path of a data set. */
export type Decode = (path: string) => Promise<Image>;

/** Where an image of a pair side by side is split: ⌊width / 2⌋, as in the reference. `E_DATA_SIZE` if it cannot be. */
export function splitColumn(width: number, path: string): number {
  if (width >= 2) return Math.floor(width / 2);
  throw new PixcycleError("E_DATA_SIZE", `${path} is ${width} pixel wide: no pair side by side.`, {
    hint: "Remove it, or use --dataset_mode single.",
  });
}

/** The input and the target of an image that holds both side by side. Errors: as `splitColumn`. */
export function splitPair(
  image: Image,
  direction: DatasetOptions["direction"],
  path: string,
): [A: Image, B: Image] {
  const column = splitColumn(image.width, path);
  const left = cropImage(image, 0, 0, column, image.height);
  const right = cropImage(image, column, 0, image.width - column, image.height);
  return direction === "AtoB" ? [left, right] : [right, left];
}

/** The width and height of an image, or of its header. */
interface Sized {
  readonly width: number;
  readonly height: number;
}

/** `E_DATA_SIZE` where resizing leaves the two sides of a pair with different sizes: crop and target would not match. */
export function checkPairSizes(options: DatasetOptions, A: Sized, B: Sized, paths: Pair): void {
  const [widthA, heightA] = scaledSize(options, A.width, A.height);
  const [widthB, heightB] = scaledSize(options, B.width, B.height);
  if (widthA === widthB && heightA === heightB) return;
  const [what, hint] =
    paths.A === paths.B
      ? [`${paths.A} has an odd width: its halves differ`, "Give both sides the same width"]
      : [`${paths.A} and ${paths.B} differ in size`, "Make the images of a pair equally large"];
  throw new PixcycleError("E_DATA_SIZE", `${what}: ${A.width}×${A.height} and ${B.width}×${B.height}.`, {
    hint: `${hint}, or use --preprocess resize_and_crop.`,
  });
}

/** One side of a sample: its size as decoded, and the image resized, once no problem was found. */
interface Side extends Sized {
  scaled(): Image;
}

/** Where the images of a data set come from. */
class Sides {
  constructor(
    private readonly options: DatasetOptions,
    private readonly decode: Decode,
    private readonly store: ImageStore | undefined,
  ) {}

  /** A file with one image. */
  async whole(path: string, channels: number): Promise<Side> {
    const key = `${channels} ${path}`;
    return this.known(key) ?? this.side(key, await this.decode(path), channels, path);
  }

  /** A file with both images side by side. */
  async halves(path: string): Promise<[Side, Side]> {
    const { input_nc, output_nc, direction } = this.options;
    const [keyA, keyB] = [`A ${path}`, `B ${path}`];
    const [knownA, knownB] = [this.known(keyA), this.known(keyB)];
    if (knownA && knownB) return [knownA, knownB];
    const [A, B] = splitPair(await this.decode(path), direction, path);
    return [this.side(keyA, A, input_nc, path), this.side(keyB, B, output_nc, path)];
  }

  private known(key: string): Side | undefined {
    const found = this.store?.get(key);
    return found && { width: found.width, height: found.height, scaled: () => found.scaled };
  }

  private side(key: string, image: Image, channels: number, path: string): Side {
    const { width, height } = image;
    const scaled = (): Image => {
      const made = scaleImage(convertChannels(image, channels, path), this.options);
      this.store?.keep(key, { width, height, scaled: made });
      return made;
    };
    return { width, height, scaled };
  }
}

/** A side cropped and flipped. Errors: as `outputSize`. */
function cropped(side: Side, options: DatasetOptions, { x, y, flip }: Augmentation, path: string): Image {
  const [width, height] = outputSize(options, side.width, side.height, path);
  return cropImage(side.scaled(), x, y, width, height, flip);
}

/** Both sides of one pair, with the same crop and flip. */
function pairSample(
  options: DatasetOptions,
  [A, B]: readonly [Side, Side],
  paths: Pair,
  draw: RandomStream,
): Sample {
  checkPairSizes(options, A, B, paths);
  const augmentation = drawAugmentation(options, A.width, A.height, draw);
  return {
    A: imageToTensor(cropped(A, options, augmentation, paths.A)),
    B: imageToTensor(cropped(B, options, augmentation, paths.B)),
    paths,
  };
}

function augmentStream(options: DatasetOptions, side: string, epoch: number, index: number): RandomStream {
  return new RandomStream(options.seed, `augment ${side} ${epoch}`, index);
}

/** One image with a crop and flip of its own. */
function alone(options: DatasetOptions, side: Side, path: string, draw: RandomStream): Image {
  return cropped(side, options, drawAugmentation(options, side.width, side.height, draw), path);
}

/** The image of B that sample `index` shows: in order with `serial_batches`, else random, to avoid fixed pairs. */
function indexOfB(options: DatasetOptions, count: number, index: number, epoch: number): number {
  if (options.serial_batches) return index % count;
  return new RandomStream(options.seed, `unaligned B ${epoch}`, index).int(count);
}

/**
 * A data set over files whose names are known.
 * @param store keeps images between samples; without it, each is decoded whenever it is asked for
 */
export function makeDataset(
  options: DatasetOptions,
  files: DatasetFiles,
  decode: Decode,
  store?: ImageStore,
): Dataset {
  const sides = new Sides(options, decode, store);
  const { input_nc, output_nc } = options;
  switch (files.kind) {
    case "side_by_side":
      return {
        length: files.files.length,
        async sample(index, epoch) {
          const path = files.files[index]!;
          const halves = await sides.halves(path);
          const draw = augmentStream(options, "pair", epoch, index);
          return pairSample(options, halves, { A: path, B: path }, draw);
        },
      };
    case "pairs":
      return {
        length: files.pairs.length,
        async sample(index, epoch) {
          const paths = files.pairs[index]!;
          const pair = [sides.whole(paths.A, input_nc), sides.whole(paths.B, output_nc)] as const;
          const draw = augmentStream(options, "pair", epoch, index);
          return pairSample(options, await Promise.all(pair), paths, draw);
        },
      };
    case "unaligned":
      return {
        length: Math.max(files.A.length, files.B.length),
        async sample(index, epoch) {
          const pathA = files.A[index % files.A.length]!;
          const pathB = files.B[indexOfB(options, files.B.length, index, epoch)]!;
          const [A, B] = await Promise.all([sides.whole(pathA, input_nc), sides.whole(pathB, output_nc)]);
          return {
            A: imageToTensor(alone(options, A, pathA, augmentStream(options, "A", epoch, index))),
            B: imageToTensor(alone(options, B, pathB, augmentStream(options, "B", epoch, index))),
            paths: { A: pathA, B: pathB },
          };
        },
      };
    case "single":
      return {
        length: files.files.length,
        async sample(index, epoch) {
          const path = files.files[index]!;
          const side = await sides.whole(path, input_nc);
          const draw = augmentStream(options, "A", epoch, index);
          return { A: imageToTensor(alone(options, side, path, draw)), paths: { A: path } };
        },
      };
    case "colorization":
      return {
        length: files.files.length,
        async sample(index, epoch) {
          const path = files.files[index]!;
          const side = await sides.whole(path, 3);
          const image = alone(options, side, path, augmentStream(options, "A", epoch, index));
          return { ...colorizationSample(image), paths: { A: path, B: path } };
        },
      };
  }
}
