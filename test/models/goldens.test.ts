import { describe } from "vitest";
import { Engine } from "../../src/runtime/engine.js";
import { ortModule } from "../../src/runtime/node/ort-module.js";
import { itStepsAsPyTorch } from "./golden-checks.js";
import { goldenNames, readGolden } from "./goldens.js";

/** Whole steps of both models against PyTorch in float64, on ONNX Runtime's CPU provider; others: `test/devices/`. */

/** What Winograd's algorithm could take must hold with it forced upon it too. */
const cases = goldenNames().flatMap((name) =>
  (["direct", "winograd"] as const)
    .filter((conv) => conv === "direct" || /resnet|vgg|unet/.test(name))
    .map((conv) => ({ name, conv })),
);

describe.each(cases)("$name, $conv", ({ name, conv }) => {
  const golden = readGolden(name);
  itStepsAsPyTorch(golden, async () => new Engine(ortModule, golden.options, { threads: 1, conv }));
});
