import { PixcycleError } from "../errors.js";
import type { Tensor } from "../graph/graph.js";
import { add, mul } from "../graph/language.js";
import { discriminator, generator, type Network } from "../networks/registry.js";
import { ganLoss, l1Loss } from "../nn/losses.js";
import type { ModelOptions } from "../options/schema.js";
import { discriminatorLoss, hasPenalty } from "./adversary.js";
import type { StepBuilder } from "./builder.js";
import type { Model } from "./model.js";

/**
 * CycleGAN (Zhu et al., 2017): G_A translates A to B, G_B back; D_A judges images of B, D_B images of A. All gradients
 * come from the weights before the step: the generators' losses use the old discriminators, and the discriminators see
 * the fakes of the old generators, as in the reference implementation.
 */
export function cycleGan(options: ModelOptions): Model {
  const { input_nc, output_nc, gan_mode, lambda_A, lambda_B, lambda_identity, pool_size } = options;
  if (lambda_identity > 0 && input_nc !== output_nc) {
    throw new PixcycleError(
      "E_OPTION_CONFLICT",
      `The identity loss needs input_nc = output_nc, got ${input_nc} and ${output_nc}.`,
      {
        hint: "Set --lambda_identity 0.",
      },
    );
  }
  const net_G_A = generator("net_G_A", options, input_nc, output_nc);
  const net_G_B = generator("net_G_B", options, output_nc, input_nc);
  const net_D_A = discriminator("net_D_A", options, output_nc);
  const net_D_B = discriminator("net_D_B", options, input_nc);

  const judge = (step: StepBuilder, net_D: Network, side: "A" | "B", real: Tensor, fakes: Tensor): Tensor => {
    const onReal = ganLoss(gan_mode, step.run(net_D, real, `D_${side}_real`), true);
    const onFake = ganLoss(gan_mode, step.run(net_D, fakes, `D_${side}_fake`), false);
    const terms = { onReal, onFake, real, fakes, penalty: `gp_${side}` };
    const loss = discriminatorLoss(step, options, net_D, terms);
    step.loss(`D_${side}`, loss);
    return loss;
  };

  return {
    networks: [net_G_A, net_G_B, net_D_A, net_D_B],
    generators: { AtoB: net_G_A, BtoA: net_G_B },
    optimizers: { G: [net_G_A, net_G_B], D: [net_D_A, net_D_B] },
    phases: [["G", "D"]],
    lossNames: [
      ...["D_A", "G_A", "cycle_A", "idt_A", "D_B", "G_B", "cycle_B", "idt_B"],
      ...(hasPenalty(options) ? ["gp_A", "gp_B"] : []),
    ],
    visualNames:
      lambda_identity > 0
        ? ["fake_B", "rec_A", "fake_A", "rec_B", "idt_A", "idt_B"]
        : ["fake_B", "rec_A", "fake_A", "rec_B"],
    pools: pool_size > 0 ? ["pool_A", "pool_B"] : [],
    build: (step, { batch, height, width }) => {
      const real_A = step.image("real_A", [batch, input_nc, height, width]);
      const real_B = step.image("real_B", [batch, output_nc, height, width]);
      const translate = (net_G: Network, x: Tensor, name: string): Tensor => {
        const result = step.run(net_G, x, name);
        step.visual(name, result);
        return result;
      };
      const fake_B = translate(net_G_A, real_A, "fake_B");
      const rec_A = translate(net_G_B, fake_B, "rec_A");
      const fake_A = translate(net_G_B, real_B, "fake_A");
      const rec_B = translate(net_G_A, fake_A, "rec_B");

      const terms: Tensor[] = [];
      const term = (name: string, value: Tensor): void => {
        step.loss(name, value);
        terms.push(value);
      };
      term("G_A", ganLoss(gan_mode, step.run(net_D_A, fake_B, "G_A"), true));
      term("cycle_A", mul(l1Loss(rec_A, real_A), lambda_A));
      term("G_B", ganLoss(gan_mode, step.run(net_D_B, fake_A, "G_B"), true));
      term("cycle_B", mul(l1Loss(rec_B, real_B), lambda_B));
      if (lambda_identity > 0) {
        term("idt_A", mul(l1Loss(translate(net_G_A, real_B, "idt_A"), real_B), lambda_B * lambda_identity));
        term("idt_B", mul(l1Loss(translate(net_G_B, real_A, "idt_B"), real_A), lambda_A * lambda_identity));
      } else {
        step.loss("idt_A", step.zero());
        step.loss("idt_B", step.zero());
      }
      step.optimize("G", [[terms.reduce(add), [net_G_A, net_G_B]]]);

      const D_A = judge(step, net_D_A, "A", real_B, step.pooled("pool_B", fake_B, pool_size));
      const D_B = judge(step, net_D_B, "B", real_A, step.pooled("pool_A", fake_A, pool_size));
      step.optimize("D", [
        [D_A, [net_D_A]],
        [D_B, [net_D_B]],
      ]);
    },
  };
}
