import { PixcycleError } from "../errors.js";
import { RandomStream } from "../random/philox.js";
import { colorizationSample } from "./coding.js";
import type { DatasetFiles, Pair } from "./pairing.js";
import type { Image } from "./pixels.js";
import type { Dataset, DatasetOptions, Sample } from "./sample.js";
import { cropImage, drawAugmentation, imageToSample, scaledSize, transformImage } from "./transforms.js";

/** Decodes the image at a path of a data set, with that many channels if they are given. */
export type Decode = (path: string, channels?: number) => Promise<Image>;

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

/** Both sides of one pair, with the same crop and flip. */
function pairSample(
  options: DatasetOptions,
  [A, B]: readonly [Image, Image],
  paths: Pair,
  draw: RandomStream,
): Sample {
  checkPairSizes(options, A, B, paths);
  const augmentation = drawAugmentation(options, A.width, A.height, draw);
  return {
    A: imageToSample(A, options.input_nc, options, augmentation, paths.A),
    B: imageToSample(B, options.output_nc, options, augmentation, paths.B),
    paths,
  };
}

function augmentStream(options: DatasetOptions, side: string, epoch: number, index: number): RandomStream {
  return new RandomStream(options.seed, `augment ${side} ${epoch}`, index);
}

async function loadAlone(
  decode: Decode,
  options: DatasetOptions,
  path: string,
  channels: number,
  draw: RandomStream,
): Promise<Sample["A"]> {
  const image = await decode(path, channels);
  const augmentation = drawAugmentation(options, image.width, image.height, draw);
  return imageToSample(image, channels, options, augmentation, path);
}

/** The image of B that sample `index` shows: in order with `serial_batches`, else random, to avoid fixed pairs. */
function indexOfB(options: DatasetOptions, count: number, index: number, epoch: number): number {
  if (options.serial_batches) return index % count;
  return new RandomStream(options.seed, `unaligned B ${epoch}`, index).int(count);
}

/** A data set over files whose names are known. */
export function makeDataset(options: DatasetOptions, files: DatasetFiles, decode: Decode): Dataset {
  switch (files.kind) {
    case "side_by_side":
      return {
        length: files.files.length,
        async sample(index, epoch) {
          const path = files.files[index]!;
          const halves = splitPair(await decode(path), options.direction, path);
          return pairSample(
            options,
            halves,
            { A: path, B: path },
            augmentStream(options, "pair", epoch, index),
          );
        },
      };
    case "pairs":
      return {
        length: files.pairs.length,
        async sample(index, epoch) {
          const paths = files.pairs[index]!;
          const images = await Promise.all([decode(paths.A), decode(paths.B)]);
          return pairSample(options, images, paths, augmentStream(options, "pair", epoch, index));
        },
      };
    case "unaligned":
      return {
        length: Math.max(files.A.length, files.B.length),
        async sample(index, epoch) {
          const pathA = files.A[index % files.A.length]!;
          const pathB = files.B[indexOfB(options, files.B.length, index, epoch)]!;
          const [A, B] = await Promise.all([
            loadAlone(decode, options, pathA, options.input_nc, augmentStream(options, "A", epoch, index)),
            loadAlone(decode, options, pathB, options.output_nc, augmentStream(options, "B", epoch, index)),
          ]);
          return { A, B, paths: { A: pathA, B: pathB } };
        },
      };
    case "single":
      return {
        length: files.files.length,
        async sample(index, epoch) {
          const path = files.files[index]!;
          const draw = augmentStream(options, "A", epoch, index);
          return { A: await loadAlone(decode, options, path, options.input_nc, draw), paths: { A: path } };
        },
      };
    case "colorization":
      return {
        length: files.files.length,
        async sample(index, epoch) {
          const path = files.files[index]!;
          const image = await decode(path, 3);
          const draw = augmentStream(options, "A", epoch, index);
          const augmentation = drawAugmentation(options, image.width, image.height, draw);
          const transformed = transformImage(image, options, augmentation, path);
          return { ...colorizationSample(transformed), paths: { A: path, B: path } };
        },
      };
  }
}
