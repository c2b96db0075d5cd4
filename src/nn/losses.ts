import type { Tensor } from "../graph/graph.js";
import { abs, mean, neg, softplus, square, sub } from "../graph/language.js";

/** Mean absolute difference, a scalar: `torch.nn.L1Loss`. */
export const l1Loss = (a: Tensor, b: Tensor): Tensor => mean(abs(sub(a, b)));

export type GanMode = "lsgan" | "vanilla";

/**
 * Adversarial loss of a discriminator's logits against "real" (1) or "fake" (0), a scalar.
 * lsgan: mean (p − t)² (Mao et al., 2017); vanilla: binary cross entropy with logits (Goodfellow et al., 2014),
 * which is softplus(−p) for real and softplus(p) for fake.
 */
export function ganLoss(mode: GanMode, prediction: Tensor, targetIsReal: boolean): Tensor {
  if (mode === "lsgan") return mean(square(sub(prediction, targetIsReal ? 1 : 0)));
  return mean(softplus(targetIsReal ? neg(prediction) : prediction));
}
