import { PixcycleError } from "../errors.js";
import type { FloatTensor, TensorMap } from "../formats/tensor.js";
import { toFloatTensor } from "../formats/weights.js";
import { elements } from "../graph/shape.js";
import { some } from "./state-dict.js";
import { unetModules } from "./unet.js";

/** The weight that tells affinelayer's generator from others. */
const FIRST = "generator/encoder_1/conv2d/kernel";

export const isAffinelayer = (weights: TensorMap): boolean => weights.has(FIRST);

/**
 * The generator of affinelayer's pix2pix-tensorflow (https://github.com/affinelayer/pix2pix-tensorflow, pix2pix.py) as
 * a U-Net of style `affinelayer` with affine instance norms: its batch norms always take their statistics from the
 * batch, which at inference is one image. Kernels are stored [height, width, in, out], or [height, width, out, in]
 * where transposed; the decoder has its own features in front of the skipped ones.
 * @returns weights by our names, and what is left out: biases that the norm after them cancels, running statistics
 *   that nothing uses
 * @throws PixcycleError E_CHECKPOINT_MISMATCH if a tensor is missing, unknown or misshapen
 */
export function fromAffinelayer(
  weights: TensorMap,
  where: string,
): { weights: TensorMap; dropped: string[] } {
  let downs = 1;
  while (weights.has(`generator/encoder_${downs + 1}/conv2d/kernel`)) downs++;
  const known = new Set<string>();
  const problems: string[] = [];
  const dropped: string[] = [];
  const converted: TensorMap = new Map();
  const take = (name: string, rank: number): FloatTensor | undefined => {
    known.add(name);
    const tensor = weights.get(name);
    if (tensor?.shape.length === rank) return toFloatTensor(tensor);
    problems.push(tensor ? `${name} has ${tensor.shape.length} dimensions` : `${name} is missing`);
    return undefined;
  };
  const put = (name: string, tensor: FloatTensor | undefined): void => {
    if (tensor !== undefined) converted.set(name, { dtype: "F32", ...tensor });
  };

  for (let depth = 1, prefix = "model"; depth <= downs; depth++) {
    const modules = unetModules({ downs, style: "affinelayer" }, depth, prefix);
    const scope = (side: string): string => `generator/${side}coder_${depth}`;
    const down = take(`${scope("en")}/conv2d/kernel`, 4);
    const up = take(`${scope("de")}/conv2d_transpose/kernel`, 4);
    const skipped = depth === downs ? 0 : (down?.shape[3] ?? 0);
    put(`${modules.down}.weight`, down && outputFirst(down));
    put(`${modules.up}.weight`, up && outputFirst(up, skipped));
    const layers = [
      [`${scope("en")}/conv2d`, modules.down, modules.downNorm],
      [`${scope("de")}/conv2d_transpose`, modules.up, modules.upNorm],
    ] as const;
    for (const [conv, convModule, normModule] of layers) {
      if (depth === 1) put(`${convModule}.bias`, take(`${conv}/bias`, 1));
      else {
        const norm = conv.replace(/[^/]*$/, "batch_normalization");
        put(`${normModule}.weight`, take(`${norm}/gamma`, 1));
        put(`${normModule}.bias`, take(`${norm}/beta`, 1));
        const unused = [`${conv}/bias`, `${norm}/moving_mean`, `${norm}/moving_variance`];
        dropped.push(...unused.filter((name) => weights.has(name)));
      }
    }
    prefix = modules.inside;
  }
  const unknown = [...weights.keys()].filter((name) => !known.has(name) && !dropped.includes(name));
  problems.push(...unknown.map((name) => `${name} is unknown`));
  if (problems.length === 0) return { weights: converted, dropped };
  const seen = `looks like affinelayer's pix2pix generator with ${downs} halvings, but ${some(problems)}`;
  throw new PixcycleError("E_CHECKPOINT_MISMATCH", `${where} ${seen}.`, {
    hint: "Export it again from a checkpoint trained without --separable_conv.",
  });
}

/**
 * A kernel [h, w, a, b] as [b, a, h, w], which is PyTorch's order for a convolution and a transposed one alike.
 * @param skipped how many at the end of b go to its front
 */
function outputFirst({ shape, data }: FloatTensor, skipped = 0): FloatTensor {
  const [height, width, a, b] = shape as [number, number, number, number];
  const moved = new Float32Array(elements(shape));
  const plane = height * width;
  for (let at = 0; at < plane; at++) {
    for (let i = 0; i < a; i++) {
      for (let j = 0; j < b; j++) {
        moved[(((j + skipped) % b) * a + i) * plane + at] = data[(at * a + i) * b + j]!;
      }
    }
  }
  return { shape: [b, a, height, width], data: moved };
}
