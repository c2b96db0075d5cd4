import { PixcycleError } from "../errors.js";
import type { FloatTensor } from "../formats/tensor.js";
import { elements } from "../graph/shape.js";
import type { Model } from "../models/model.js";
import type { BatchShape } from "../models/program.js";
import type { ModelOptions } from "../options/schema.js";
import type { Batch } from "./runner.js";

/** Batch size and image size of images [N, C, H, W]. */
export function batchShape({ shape }: FloatTensor): BatchShape {
  const [batch, , height, width] = shape as [number, number, number, number];
  return { batch, height, width };
}

/**
 * Returns if a model can be trained on a batch.
 * @throws PixcycleError E_SHAPE naming what does not fit, and what would
 */
export function checkBatch(
  { real_A, real_B }: Batch,
  model: Model,
  { input_nc, output_nc, netG }: ModelOptions,
): void {
  const { batch, height, width } = batchShape(real_A);
  const expected = { real_A: [batch, input_nc, height, width], real_B: [batch, output_nc, height, width] };
  for (const [name, { shape, data }] of Object.entries({ real_A, real_B })) {
    const wanted = expected[name as keyof typeof expected];
    if (shape.join() !== wanted.join() || data.length !== elements(wanted)) {
      throw new PixcycleError(
        "E_SHAPE",
        `${name} is [${shape}] with ${data.length} numbers, expected [${wanted}].`,
      );
    }
  }
  for (const network of Object.values(model.generators)) {
    if (height % network.divisor !== 0 || width % network.divisor !== 0) {
      throw new PixcycleError(
        "E_SHAPE",
        `${netG} needs sides that are multiples of ${network.divisor}, got ${width}×${height}.`,
        { hint: "Choose another crop size or generator." },
      );
    }
  }
  const smallest = Math.max(...model.networks.map((network) => network.minimumSize));
  if (Math.min(height, width) < smallest) {
    throw new PixcycleError(
      "E_SHAPE",
      `These networks need images of at least ${smallest} pixels, got ${width}×${height}.`,
      { hint: "Use larger crops, or fewer discriminator layers." },
    );
  }
}
