import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import type { Tensor } from "../../src/graph/graph.js";
import { interpret } from "../../src/graph/interpreter/interpret.js";
import { printGraph } from "../../src/graph/print.js";
import { elements } from "../../src/graph/shape.js";
import { verify } from "../../src/graph/verify.js";
import { createModel, stepProgram } from "../../src/models/model.js";
import { compileToOnnx } from "../../src/onnx/compile.js";
import { presets } from "../../src/options/presets.js";
import type { ModelOptions } from "../../src/options/schema.js";
import { RandomStream } from "../../src/random/philox.js";

/** Everything that a whole training step computes, by name. */
function stepOutputs(options: ModelOptions, size: number): Record<string, Tensor> {
  const program = stepProgram(createModel(options), options, { batch: 2, height: size, width: size });
  const outputs = new Map([...program.losses, ...program.visuals, ...program.buffers]);
  for (const { name, gradients, updated } of program.optimizers) {
    for (const [parameter, gradient] of gradients) outputs.set(`${name}/gradient/${parameter}`, gradient);
    for (const [parameter, value] of updated ?? []) outputs.set(`${name}/updated/${parameter}`, value);
  }
  return Object.fromEntries(outputs);
}

describe("the graph of a whole training step", () => {
  it.each([
    ["torch-pix2pix", "unet_256", 256],
    ["torch-pix2pix", "resnet_9blocks", 128],
    ["torch-cyclegan", "resnet_9blocks", 256],
    ["torch-cyclegan", "unet_128", 128],
  ] as const)("%s with %s at %i pixels is sound, and prints", (preset, netG, size) => {
    const outputs = stepOutputs({ ...presets[preset], netG, seed: 1 } as ModelOptions, size);
    expect(() => verify(Object.values(outputs))).not.toThrow();
    expect(printGraph(outputs)).toMatch(/^%\d+ = conv2d\(.*\) \{.*\} : \[.*\] {2}# net_D/m);
  });
});

const norm = (values: Float64Array | Float32Array): number => Math.hypot(...values);

/** Plausible values: variances are positive, masks 0 or 2, all else is normal and small. */
function valuesFor(name: string, size: number): Float32Array {
  const values = new Float32Array(size);
  new RandomStream(5, name).fillNormal(values);
  if (/exp_avg_sq|correction/.test(name)) return values.map((x) => Math.abs(x) + 0.1);
  if (/mask/.test(name)) return values.map((x) => (x > 0 ? 2 : 0));
  return values.map((x) => x * (/weight/.test(name) ? 0.2 : 0.5));
}

describe("a whole training step on ONNX Runtime", () => {
  it.each([
    ["torch-pix2pix", { netG: "unet_64" }, 64],
    ["torch-cyclegan", { netG: "resnet_6blocks", lambda_identity: 0.5 }, 32],
  ] as const)("%s gives what the interpreter gives in float64", async (preset, changes, size) => {
    const outputs = stepOutputs(
      { ...presets[preset], ngf: 3, ndf: 3, seed: 1, ...changes } as ModelOptions,
      size,
    );
    const { bytes, inputs } = compileToOnnx(outputs);
    const feeds = new Map([...inputs].map(([name, shape]) => [name, valuesFor(name, elements(shape))]));
    const session = await InferenceSession.create(bytes, { intraOpNumThreads: 1 });
    const fed = [...inputs].map(([name, shape]) => [name, new OrtTensor("float32", feeds.get(name)!, shape)]);
    const results = await session.run(Object.fromEntries(fed));
    await session.release();
    const expected = interpret(Object.values(outputs), feeds);
    Object.keys(outputs).forEach((name, i) => {
      const actual = results[`out:${name}`]!.data as Float32Array;
      const exact = expected[i]!;
      const error = norm(exact.map((value, k) => value - actual[k]!));
      // A bias in front of a normalisation has no gradient; only rounding is left of it.
      if (norm(exact) < 1e-12) expect(error, name).toBeLessThan(1e-5);
      else expect(error / norm(exact), name).toBeLessThan(1e-5);
    });
  });
});
