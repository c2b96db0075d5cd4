import type { Tensor } from "../graph/graph.js";
import { abs, add, mean, neg, reduceSum, softplus, sqrt, square, sub } from "../graph/language.js";

/** Mean absolute difference, a scalar: `torch.nn.L1Loss`. */
export const l1Loss = (a: Tensor, b: Tensor): Tensor => mean(abs(sub(a, b)));

type GanMode = "lsgan" | "vanilla" | "wgangp";

/**
 * Adversarial loss of a discriminator's logits against "real" (1) or "fake" (0), a scalar.
 * lsgan: mean (p − t)² (Mao et al., 2017); vanilla: binary cross entropy with logits (Goodfellow et al., 2014),
 * which is softplus(−p) for real and softplus(p) for fake; wgangp: the critic's −mean p for real and mean p for fake
 * (Arjovsky et al., 2017), whose discriminator also needs `gradientPenalty`.
 */
export function ganLoss(mode: GanMode, prediction: Tensor, targetIsReal: boolean): Tensor {
  if (mode === "lsgan") return mean(square(sub(prediction, targetIsReal ? 1 : 0)));
  const against = targetIsReal ? neg(prediction) : prediction;
  return mode === "wgangp" ? mean(against) : mean(softplus(against));
}

/** Keeps the norm's own gradient finite where a gradient is zero; the reference adds it to every element. */
const SMALL = 1e-16;

/**
 * The penalty of WGAN-GP (Gulrajani et al., 2017), a scalar: the mean over the images of (‖g + 1e-16‖₂ − 1)², where g
 * [N, C, H, W] are the critic's gradients in images between real and fake ones.
 */
export function gradientPenalty(imageGradients: Tensor): Tensor {
  const squares = reduceSum(square(add(imageGradients, SMALL)), [1, 2, 3]);
  return mean(square(sub(sqrt(squares), 1)));
}
