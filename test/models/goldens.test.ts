import * as ort from "onnxruntime-node";
import { describe } from "vitest";
import { Engine } from "../../src/runtime/engine.js";
import type { OrtModule } from "../../src/runtime/ort.js";
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
  itStepsAsPyTorch(golden, async () => new Engine(ort as OrtModule, golden.options, { threads: 1, conv }));
});
