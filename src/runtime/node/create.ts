import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import { PixcycleError } from "../../errors.js";
import { checkFloat16 } from "../../options/conflicts.js";
import type { ModelOptions } from "../../options/schema.js";
import { RemoteObject, type Reply } from "../calls.js";
import type { SessionSettings } from "../ort.js";
import type { ModelRunner } from "../runner.js";
import type { GeneratorRunner, GeneratorSetup } from "../translator.js";
import type { WorkerSetup } from "./protocol.js";

/**
 * Starts a model with fresh weights in a worker thread. Its methods throw `PixcycleError`, with `E_RUNTIME` when the
 * thread dies.
 * @throws PixcycleError E_OPTION_CONFLICT for `fp16` on another device than `webgpu`
 */
export function createRunner(options: ModelOptions, settings: SessionSettings = { threads: 0 }): ModelRunner {
  checkFloat16(settings);
  const thread = startThread({ kind: "model", options, settings });
  return {
    step: thread.method("step"),
    gradients: thread.method("gradients"),
    apply: thread.method("apply"),
    infer: thread.method("infer"),
    saveState: thread.method("saveState"),
    loadState: thread.method("loadState"),
    loadNetwork: thread.method("loadNetwork"),
    close: () => thread.close(),
  };
}

/**
 * Loads a generator in a worker thread, to translate with; errors as for `createRunner`.
 * @param handOver whether the weights' arrays are handed over to the thread, instead of copied, and are empty afterwards; but for small ones,
 *   which may be parts of Node's pool
 */
export function createGenerator(
  generator: GeneratorSetup,
  settings: SessionSettings = { threads: 0 },
  handOver = false,
): GeneratorRunner {
  const buffers = new Set([...generator.weights.values()].map(({ data }) => data.buffer as ArrayBuffer));
  const large = [...buffers].filter(({ byteLength }) => byteLength > Buffer.poolSize);
  return generatorIn(startThread({ kind: "generator", generator, settings }, handOver ? large : []));
}

/** Loads a generator that was exported to ONNX; errors as for `createRunner`, and those of ONNX Runtime. */
export function createExportedGenerator(model: Uint8Array, settings: SessionSettings): GeneratorRunner {
  return generatorIn(startThread({ kind: "exported", model, settings }));
}

const generatorIn = (thread: RemoteObject): GeneratorRunner => ({
  translate: thread.method("translate"),
  close: () => thread.close(),
});

/** Calls methods of the object that lives in the worker thread. */
function startThread(setup: WorkerSetup, transferList: ArrayBuffer[] = []): RemoteObject {
  const script = createRequire(import.meta.url).resolve("#executor-worker");
  const worker = new Worker(script, { workerData: setup, transferList });
  const remote = new RemoteObject((call) => worker.postMessage(call));
  worker.on("message", (reply: Reply) => remote.settle(reply));
  worker.on("error", (error) => remote.fail(error));
  worker.on("exit", () => remote.fail(new PixcycleError("E_RUNTIME", "The model's thread has ended.")));
  return remote;
}
