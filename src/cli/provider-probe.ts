import { InferenceSession, Tensor } from "onnxruntime-node";
import { encodeOnnxModel } from "../onnx/model.js";

/**
 * A script that `doctor` runs in a process of its own, since a provider that fails may end the process:
 * loads the execution provider named by its argument, runs one Tanh and compares. Exit status 0 if it works.
 */
async function probe(provider: string): Promise<void> {
  const value = { shape: [1, 4] };
  const model = encodeOnnxModel({
    name: "probe",
    nodes: [{ opType: "Tanh", name: "tanh", inputs: ["x"], outputs: ["y"], attributes: {} }],
    initializers: [],
    inputs: [{ name: "x", ...value }],
    outputs: [{ name: "y", ...value }],
  });
  const session = await InferenceSession.create(model, { executionProviders: [provider] });
  const x = Float32Array.of(-2, -0.5, 0, 1);
  const { y } = await session.run({ x: new Tensor("float32", x, value.shape) });
  const result = (await y?.getData()) as Float32Array;
  const error = Math.max(...x.map((input, i) => Math.abs(Math.tanh(input) - result[i]!)));
  if (!(error < 1e-4)) throw new Error(`computes wrongly: tanh is off by ${error}`);
}

try {
  await probe(process.argv[2] ?? "cpu");
  process.exit(0);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
