import { readFile } from "node:fs/promises";
import type { InferenceSession } from "onnxruntime-common";
import { imageToTensor, tensorToImage } from "../data/pixels.js";
import { resizeBicubic } from "../data/resize.js";
import { PixcycleError } from "../errors.js";
import type { FloatTensor } from "../formats/tensor.js";
import { readOnnxMetadata } from "../onnx/metadata.js";
import { sessionThreads } from "../runtime/node/threads.js";

/** How an extractor takes images. */
export interface FeatureSettings {
  /** Height and width of its input. */
  readonly size?: number;
  /** What black and white are in its input. */
  readonly range?: readonly [black: number, white: number];
}

/** Turns images into features with any ONNX network. */
export interface FeatureExtractor {
  /** The name that reports give the features. */
  readonly name: string;
  readonly size: number;
  readonly range: readonly [black: number, white: number];
  /** The features, [d], of an image [C, H, W] in [−1, 1] of any size; 1 or 3 channels. */
  extract(image: FloatTensor): Promise<Float32Array>;
  close(): Promise<void>;
}

/**
 * Opens a feature extractor: an ONNX model with one float input, [N, 3, H, W], whose first output is [N, d], or
 * [N, d, H, W], of which the mean over places is taken. Its metadata may hold `features_name`, `features_size` and
 * `features_range` (such as `-1,1`); given settings win; a fixed input says its own size; the range defaults to −1, 1.
 * Images are resized with PIL's bicubic at 8 bits.
 *
 * @throws PixcycleError E_FILE_MISSING, E_FILE_FORMAT, E_OPTION where the size is not known
 */
export async function openFeatures(
  path: string,
  given: FeatureSettings = {},
  threads = 0,
): Promise<FeatureExtractor> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new PixcycleError("E_FILE_MISSING", `${path} cannot be read.`, { hint: "Check the path.", cause });
  });
  const metadata = readOnnxMetadata(bytes, path);
  const ort = await import("onnxruntime-node");
  const options = { logSeverityLevel: 3, ...sessionThreads(threads) } as const;
  const session = await ort.InferenceSession.create(bytes, options).catch((cause: unknown) => {
    throw new PixcycleError("E_FILE_FORMAT", `${path} cannot be run by ONNX Runtime.`, { cause });
  });
  const size = given.size ?? sizeOf(metadata.features_size) ?? fixedSize(session);
  if (size === undefined) {
    throw new PixcycleError("E_OPTION", `${path} does not say which size its images have.`, {
      hint: "Give it with --features_size.",
    });
  }
  const range = given.range ?? rangeOf(metadata.features_range) ?? [-1, 1];
  const name = metadata.features_name ?? path.split(/[/\\]/).at(-1)!;
  return {
    ...{ name, size, range },
    async extract(image) {
      const data = input(image, size, range);
      const tensor = new ort.Tensor("float32", data, [1, 3, size, size]);
      const results = await session.run({ [session.inputNames[0]!]: tensor }).catch((cause: unknown) => {
        throw new PixcycleError("E_RUNTIME", `${path} does not take an image of ${size}×${size}.`, {
          hint: "Check --features_size.",
          cause,
        });
      });
      const output = results[session.outputNames[0]!]!;
      return meanOverPlaces(output.data as Float32Array, output.dims[1] ?? 1);
    },
    close: () => session.release(),
  };
}

function input(image: FloatTensor, size: number, [black, white]: readonly [number, number]): Float32Array {
  const resized = resizeBicubic(tensorToImage(image), size, size);
  const { data } = imageToTensor(resized, 3);
  const scale = (white - black) / 2;
  return data.map((value) => black + (value + 1) * scale);
}

function meanOverPlaces(data: Float32Array, features: number): Float32Array {
  const places = data.length / features;
  if (places === 1) return data.slice();
  return Float32Array.from({ length: features }, (_, c) => {
    let sum = 0;
    for (let i = 0; i < places; i++) sum += data[c * places + i]!;
    return sum / places;
  });
}

function sizeOf(text: string | undefined): number | undefined {
  const size = Number(text);
  return Number.isInteger(size) && size > 0 ? size : undefined;
}

/** Two numbers with a comma between them; undefined for anything else. */
export function rangeOf(text: string | undefined): readonly [number, number] | undefined {
  const [black, white, ...more] = (text ?? "")
    .split(",")
    .map((part) => (part.trim() === "" ? NaN : Number(part)));
  const valid = Number.isFinite(black) && Number.isFinite(white) && more.length === 0;
  return valid ? [black!, white!] : undefined;
}

function fixedSize(session: InferenceSession): number | undefined {
  const [description] = session.inputMetadata;
  const height = description?.isTensor === true ? description.shape[2] : undefined;
  return typeof height === "number" && height > 0 ? height : undefined;
}
