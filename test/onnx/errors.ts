import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import type { Tensor } from "../../src/graph/graph.js";
import { interpret } from "../../src/graph/interpreter/interpret.js";
import { compileToOnnx } from "../../src/onnx/compile.js";
import type { LoweringSettings } from "../../src/onnx/lowerings.js";
import { RandomStream } from "../../src/random/philox.js";
import { relativeError } from "../models/goldens.js";

function feedsOf(inputs: ReadonlyMap<string, readonly number[]>): Map<string, Float32Array> {
  return new Map(
    [...inputs].map(([name, shape]) => {
      const data = new Float32Array(shape.reduce((n, extent) => n * extent, 1));
      new RandomStream(1, name, 0).fillUniform(data);
      return [name, data.map((value) => 2 * value - 1)];
    }),
  );
}

/** Relative errors of all outputs against the float64 interpreter. */
export async function errors(
  outputs: Record<string, Tensor>,
  settings: LoweringSettings,
): Promise<Record<string, number>> {
  const { bytes, inputs } = compileToOnnx(outputs, settings);
  const feeds = feedsOf(inputs);
  const truth = interpret(
    Object.values(outputs),
    new Map([...feeds].map(([name, data]) => [name, Float64Array.from(data)])),
  );
  const session = await InferenceSession.create(bytes, { intraOpNumThreads: 2, logSeverityLevel: 3 });
  try {
    const fed = [...inputs].map(
      ([name, shape]) => [name, new OrtTensor("float32", feeds.get(name)!, shape)] as const,
    );
    const results = await session.run(Object.fromEntries(fed));
    return Object.fromEntries(
      Object.keys(outputs).map((name, i) => [
        name,
        relativeError(results[`out:${name}`]!.data as Float32Array, truth[i]!),
      ]),
    );
  } finally {
    await session.release();
  }
}
