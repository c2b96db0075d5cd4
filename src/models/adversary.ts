import { gradients } from "../autodiff/gradients.js";
import type { Tensor } from "../graph/graph.js";
import { add, mul, reduceSum, reshape, stopGradient, sub } from "../graph/language.js";
import type { Network } from "../networks/registry.js";
import { gradientPenalty } from "../nn/losses.js";
import type { ModelOptions } from "../options/schema.js";
import type { StepBuilder } from "./builder.js";

/** Whether a discriminator's loss has a gradient penalty, which is then reported. */
export const hasPenalty = ({ gan_mode, lambda_gp }: ModelOptions): boolean =>
  gan_mode === "wgangp" && lambda_gp > 0;

/**
 * The loss that a discriminator minimises: lambda_D · (real + fake), and with wgangp lambda_gp times the gradient
 * penalty inside the brackets, so that lambda_gp is relative to the critic's losses as in the paper. The penalty looks
 * at one place per image on the line from the fake to the real one, as the reference's `cal_gradient_penalty` does for
 * `mixed` (its models never call it).
 */
export function discriminatorLoss(
  step: StepBuilder,
  options: ModelOptions,
  net_D: Network,
  { onReal, onFake, real, fakes, penalty }: DiscriminatorTerms,
): Tensor {
  const adversarial = add(onFake, onReal);
  if (!hasPenalty(options)) return mul(adversarial, options.lambda_D);
  const alpha = step.uniform(`uniform/${net_D.name}/penalty`, [real.shape[0]!, 1, 1, 1]);
  const between = stopGradient(add(mul(real, alpha), mul(fakes, sub(1, alpha))));
  const judged = reshape(reduceSum(step.run(net_D, between, penalty)), []);
  const [slopes] = gradients(judged, [between]) as [Tensor];
  const weighted = mul(gradientPenalty(slopes), options.lambda_gp);
  step.loss(penalty, weighted);
  return mul(add(adversarial, weighted), options.lambda_D);
}

export interface DiscriminatorTerms {
  readonly onReal: Tensor;
  readonly onFake: Tensor;
  /** The images that were judged, [N, C, H, W]. */
  readonly real: Tensor;
  readonly fakes: Tensor;
  /** The name under which the penalty is reported. */
  readonly penalty: string;
}
