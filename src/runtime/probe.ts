import { Graph } from "../graph/graph.js";
import { input, matmul } from "../graph/language.js";
import { compileToOnnx } from "../onnx/compile.js";
import { type Device, deviceOf } from "./device.js";
import { GraphSession, noHalf, type OrtModule, openSession } from "./ort.js";
import { compileCopy } from "./programs.js";

/**
 * Returns if a device can be used: a tiny graph is loaded on it.
 * @param fp16 whether it must compute in float16, too
 * @throws PixcycleError E_DEVICE
 */
export async function probeDevice(
  ort: OrtModule,
  name: Device["name"] | "auto",
  fp16 = false,
): Promise<void> {
  if (deviceOf(name).name === "cpu") return;
  const probe = compileCopy(new Map([["probe", [1]]]));
  const session = await GraphSession.create(ort, probe, { threads: 1, device: name });
  await session.close();
  if (fp16) await probeHalf(ort, name);
}

/** ONNX Runtime does not say whether an adapter has `shader-f16`, but cannot compute without it. */
async function probeHalf(ort: OrtModule, name: Device["name"] | "auto"): Promise<void> {
  const graph = new Graph();
  const product = matmul(input(graph, "a", [1, 2]), input(graph, "b", [2, 1]));
  const compiled = compileToOnnx({ product }, { target: deviceOf(name).target, fp16: true });
  const tensor = (dims: readonly number[], ...data: number[]) =>
    new ort.Tensor("float32", Float32Array.from(data), dims);
  // What fails here is told below: ONNX Runtime need not print it, too.
  const result = await openSession(ort, compiled.bytes, deviceOf(name), { logSeverityLevel: 4 })
    .then(async (session) => {
      const outputs = await session.run({ a: tensor([1, 2], 1, 2), b: tensor([2, 1], 3, 4) });
      await session.release();
      return Object.values(outputs)[0]!.data[0];
    })
    .catch((cause: unknown) => {
      throw noHalf(cause);
    });
  if (result !== 1 * 3 + 2 * 4) throw noHalf(new Error(`1·3 + 2·4 is ${result}`));
}
