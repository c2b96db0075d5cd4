import type { Tensor } from "../graph/graph.js";
import {
  add,
  conv2d,
  convTranspose2d,
  depthwiseConv2d,
  evenPadding,
  mul,
  normalize,
  reciprocal,
  reflectPad,
  reshape,
  sqrt,
  stopGradient,
  sub,
  upsampleNearest,
} from "../graph/language.js";
import type { Padding2d } from "../graph/ops.js";
import type { NetworkState } from "./forward.js";

/** Layers as functions of tensors. `name` is the layer's prefix in the state dict. */

export interface ConvLayer {
  readonly out: number;
  readonly kernel: number;
  readonly stride?: number;
  /** Zeros on all four sides, or on each. */
  readonly padding?: number | Padding2d;
  readonly bias: boolean;
}

const bias = (state: NetworkState, name: string, { out, bias: wanted }: ConvLayer): Tensor | undefined =>
  wanted ? state.parameter(`${name}.bias`, [out], { kind: "constant", value: 0 }) : undefined;

/** `torch.nn.Conv2d`: x [N, C, H, W] → [N, out, H′, W′]. */
export function conv(state: NetworkState, name: string, x: Tensor, layer: ConvLayer): Tensor {
  const { out, kernel, stride = 1, padding = 0 } = layer;
  const weight = state.parameter(`${name}.weight`, [out, x.shape[1]!, kernel, kernel], { kind: "weight" });
  const around = typeof padding === "number" ? evenPadding(padding) : padding;
  return conv2d(x, weight, { stride, padding: around, bias: bias(state, name, layer) });
}

/** `torch.nn.ConvTranspose2d`: x [N, C, H, W] → [N, out, H′, W′]. */
export function convTranspose(
  state: NetworkState,
  name: string,
  x: Tensor,
  layer: ConvLayer & { readonly padding?: number; readonly outputPadding?: number },
): Tensor {
  const { out, kernel, stride = 1, padding = 0, outputPadding = 0 } = layer;
  const weight = state.parameter(`${name}.weight`, [x.shape[1]!, out, kernel, kernel], { kind: "weight" });
  return convTranspose2d(x, weight, {
    stride,
    padding: evenPadding(padding),
    outputPadding,
    bias: bias(state, name, layer),
  });
}

/** Doubles the image by repeating pixels, then a 3×3 convolution: no checkerboards (Odena et al., 2016). */
export function resizeConv(
  state: NetworkState,
  name: string,
  x: Tensor,
  layer: { out: number; bias: boolean },
): Tensor {
  const enlarged = reflectPad(upsampleNearest(x, 2), evenPadding(1));
  return conv(state, name, enlarged, { ...layer, kernel: 3 });
}

export type NormKind = "batch" | "instance" | "instance_affine" | "none";

/** A kind of normalisation layer. */
export interface Norm {
  readonly kind: NormKind;
  /** Added to the variance. */
  readonly eps: number;
  /** As PyTorch counts it: running = (1 − momentum) · running + momentum · batch. */
  readonly momentum: number;
}

/**
 * A normalisation layer. Instance: per image and channel, without affine parameters or running statistics;
 * instance_affine: the same with a learned scale and shift. Batch: per channel over the batch, affine, with running
 * statistics that evaluation uses.
 */
export function norm(state: NetworkState, name: string, x: Tensor, { kind, eps, momentum }: Norm): Tensor {
  if (kind === "none") return x;
  if (kind === "instance") return normalize(x, [2, 3], eps).y;
  const channels = x.shape[1]!;
  const perChannel = [1, channels, 1, 1];
  const scale = reshape(state.parameter(`${name}.weight`, [channels], { kind: "scale" }), perChannel);
  const shift = reshape(
    state.parameter(`${name}.bias`, [channels], { kind: "constant", value: 0 }),
    perChannel,
  );
  if (kind === "instance_affine") return add(mul(normalize(x, [2, 3], eps).y, scale), shift);
  const runningMean = state.buffer(`${name}.running_mean`, [channels], 0);
  const runningVariance = state.buffer(`${name}.running_var`, [channels], 1);
  if (state.mode === "eval") {
    const rstd = reciprocal(sqrt(add(reshape(runningVariance, perChannel), eps)));
    const factor = mul(scale, rstd);
    return add(mul(x, factor), sub(shift, mul(reshape(runningMean, perChannel), factor)));
  }
  const { y, mean, rstd } = normalize(x, [0, 2, 3], eps);
  const count = x.size / channels;
  const batchMean = stopGradient(reshape(mean, [channels]));
  const inverse = reciprocal(stopGradient(reshape(rstd, [channels])));
  const variance = sub(mul(inverse, inverse), eps);
  // Running variance is unbiased; a single value has none, where PyTorch refuses and we keep the biased one.
  const unbiased = mul(variance, count > 1 ? count / (count - 1) : 1);
  state.updateBuffer(`${name}.running_mean`, follow(runningMean, batchMean, momentum));
  state.updateBuffer(`${name}.running_var`, follow(runningVariance, unbiased, momentum));
  state.count(`${name}.num_batches_tracked`);
  return add(mul(y, scale), shift);
}

const follow = (running: Tensor, batch: Tensor, momentum: number): Tensor =>
  add(mul(running, 1 - momentum), mul(batch, momentum));

/**
 * A separable convolution (Howard et al., 2017) as the compressed CycleGANs have it (Li et al., 2020), 3×3 with mirrored
 * borders: every channel of x [N, C, H, W] by a kernel of its own, an instance norm, then a 1×1 convolution, [N, C, H, W].
 * Whatever norm follows, the one between is per image and without parameters, and both convolutions have a bias.
 */
export function separableConv(state: NetworkState, name: string, x: Tensor, between: Norm): Tensor {
  const channels = x.shape[1]!;
  const weight = state.parameter(`${name}.conv.0.weight`, [channels, 1, 3, 3], { kind: "weight" });
  const layer = { out: channels, kernel: 1, bias: true };
  const apart = depthwiseConv2d(reflectPad(x, evenPadding(1)), weight, {
    bias: bias(state, `${name}.conv.0`, layer),
  });
  const kind = between.kind === "none" ? "none" : "instance";
  return conv(state, `${name}.conv.2`, norm(state, `${name}.conv.1`, apart, { ...between, kind }), layer);
}

/** Zeroes elements with probability p and scales the rest by 1 / (1 − p); nothing in evaluation. */
export function dropout(state: NetworkState, name: string, x: Tensor, probability = 0.5): Tensor {
  return state.mode === "eval" ? x : mul(x, state.dropoutMask(name, x.shape, probability));
}
