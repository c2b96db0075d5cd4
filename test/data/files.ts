import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, extname, join } from "node:path";
import { afterAll, expect } from "vitest";
import type { DatasetOptions } from "../../src/data/dataset.js";
import { encodeImage, type ImageFormat } from "../../src/data/image.js";
import type { Image } from "../../src/data/pixels.js";
import { PixcycleError } from "../../src/errors.js";
import { RandomStream } from "../../src/random/philox.js";

/** A folder of its own for a test file, removed afterwards. */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `pixcycle-${name}-`));
  afterAll(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** Random pixels that the arguments decide. */
export function noiseImage(width: number, height: number, channels = 3, depth: 8 | 16 = 8, key = ""): Image {
  const draw = new RandomStream(1, `${key} ${width} ${height} ${channels} ${depth}`);
  const length = width * height * channels;
  const data = depth === 8 ? new Uint8Array(length) : new Uint16Array(length);
  return { width, height, channels, depth, data: data.map(() => draw.int(2 ** depth)) };
}

const FORMATS: Record<string, ImageFormat> = {
  ".png": "png",
  ".jpg": "jpeg",
  ".webp": "webp",
  ".tif": "tiff",
};

/** Writes an image in the format of the path's ending; folders are made. */
export async function writeImage(path: string, image: Image): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, await encodeImage(image, FORMATS[extname(path)]!));
}

/** Options of a data set of small images, unchanged when loaded. */
export function datasetOptions(dataroot: string, changes: Partial<DatasetOptions> = {}): DatasetOptions {
  return {
    dataroot,
    dataset_mode: "aligned",
    phase: "train",
    direction: "AtoB",
    preprocess: "crop",
    load_size: 8,
    crop_size: 8,
    no_flip: true,
    serial_batches: false,
    max_dataset_size: 0,
    seed: 1,
    input_nc: 3,
    output_nc: 3,
    ...changes,
  };
}

/** The error of a promise that must fail with a `PixcycleError`. */
export async function failure(promise: Promise<unknown>): Promise<PixcycleError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(PixcycleError);
  return error as PixcycleError;
}
