import { PixcycleError } from "../errors.js";
import type { FloatTensor } from "../formats/tensor.js";
import type { Dataset, SamplePaths } from "./sample.js";

/** Samples of equal size, stacked: `real_A` and `real_B` are [N, C, H, W] in [−1, 1]. */
export interface LoadedBatch {
  readonly real_A: FloatTensor;
  readonly real_B: FloatTensor;
  readonly paths: readonly SamplePaths[];
}

/** One image of a batch. */
interface NamedImage {
  readonly image: FloatTensor;
  readonly path: string;
}

/** Stacks [C, H, W] images to [N, C, H, W]. */
function stack(images: readonly NamedImage[]): FloatTensor {
  const shape = images[0]!.image.shape;
  const data = new Float32Array(images.length * images[0]!.image.data.length);
  for (const [i, { image }] of images.entries()) data.set(image.data, i * image.data.length);
  return { shape: [images.length, ...shape], data };
}

function requireOneSize(images: readonly NamedImage[]): void {
  const size = ({ image }: NamedImage) => `${image.shape[2]}×${image.shape[1]}`;
  const first = images[0]!;
  const other = images.find((named) => size(named) !== size(first));
  if (other === undefined) return;
  throw new PixcycleError(
    "E_DATA_SIZE",
    `${first.path} gives ${size(first)} and ${other.path} ${size(other)}: they cannot share a batch.`,
    { hint: "Use --preprocess resize_and_crop, or for pairs --batch_size 1." },
  );
}

/** Loads samples of a data set with both sides. Errors: as the samples', and `E_DATA_SIZE` for unequal sizes. */
export async function loadBatch(
  dataset: Dataset,
  epoch: number,
  indices: readonly number[],
): Promise<LoadedBatch> {
  const samples = await Promise.all(indices.map((index) => dataset.sample(index, epoch)));
  const A = samples.map(({ A: image, paths }) => ({ image, path: paths.A }));
  const B = samples.map(({ B: image, paths }) => ({ image: image!, path: paths.B! }));
  requireOneSize([...A, ...B]);
  return { real_A: stack(A), real_B: stack(B), paths: samples.map(({ paths }) => paths) };
}
