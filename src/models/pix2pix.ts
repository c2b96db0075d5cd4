import { add, concat, mul, stopGradient } from "../graph/language.js";
import { discriminator, generator } from "../networks/registry.js";
import { ganLoss, l1Loss } from "../nn/losses.js";
import type { ModelOptions } from "../options/schema.js";
import { discriminatorLoss, hasPenalty } from "./adversary.js";
import type { Model } from "./model.js";

/**
 * pix2pix (Isola et al., 2017): a conditional GAN on pairs. The discriminator sees input and output together; it is
 * updated first, then the generator against the updated discriminator, as in the reference implementation; or both
 * from the same old weights, as in TensorFlow's tutorial (`update_order`).
 */
export function pix2pix(options: ModelOptions): Model {
  const { input_nc, output_nc, gan_mode, lambda_L1, pool_size } = options;
  const together = options.update_order === "together";
  const net_G = generator("net_G", options, input_nc, output_nc);
  const net_D = discriminator("net_D", options, input_nc + output_nc);
  return {
    networks: [net_G, net_D],
    generators: { AtoB: net_G },
    optimizers: { G: [net_G], D: [net_D] },
    phases: together ? [["D", "G"]] : [["D"], ["G"]],
    lossNames: ["G_GAN", "G_L1", "D_real", "D_fake", ...(hasPenalty(options) ? ["gp"] : [])],
    visualNames: ["fake_B"],
    pools: pool_size > 0 ? ["pool_AB"] : [],
    build: (step, { batch, height, width }) => {
      const real_A = step.image("real_A", [batch, input_nc, height, width]);
      const real_B = step.image("real_B", [batch, output_nc, height, width]);
      const fake_B = step.run(net_G, real_A, "fake_B");
      const fakePair = concat([real_A, fake_B], 1);

      const real = concat([real_A, real_B], 1);
      const fakes = step.pooled("pool_AB", fakePair, pool_size);

      // One look at this step's fakes serves both losses if no update comes in between.
      const shared = together && pool_size === 0 ? step.run(net_D, fakePair, "fake") : undefined;
      const onFake = ganLoss(gan_mode, shared ?? step.run(net_D, fakes, "D_fake"), false);
      const onReal = ganLoss(gan_mode, step.run(net_D, real, "D_real"), true);
      step.loss("D_real", onReal);
      step.loss("D_fake", onFake);
      const loss_D = discriminatorLoss(step, options, net_D, { onReal, onFake, real, fakes, penalty: "gp" });
      step.optimize("D", [[loss_D, [net_D]]], !together);
      if (!together) step.nextPhase();

      const G_GAN = ganLoss(gan_mode, shared ?? step.run(net_D, fakePair, "G_GAN"), true);
      const G_L1 = mul(l1Loss(fake_B, real_B), lambda_L1);
      step.loss("G_GAN", G_GAN);
      step.loss("G_L1", G_L1);
      step.visual("fake_B", stopGradient(fake_B));
      step.optimize("G", [[add(G_GAN, G_L1), [net_G]]]);
    },
  };
}
