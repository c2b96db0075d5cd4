import { parentPort, workerData } from "node:worker_threads";
import * as ort from "onnxruntime-node";
import { PixcycleError } from "../../errors.js";
import { Engine } from "../engine.js";
import type { OrtModule } from "../ort.js";
import type { ModelRunner } from "../runner.js";
import type { RunnerCall, RunnerReply, SentError, WorkerSetup } from "./protocol.js";

/** The thread that owns a model: ONNX Runtime blocks it during a step, and the main thread stays alive. */

const { options, settings } = workerData as WorkerSetup;
const port = parentPort;
if (!port) throw new Error("This file runs as a worker thread only.");

const engine: ModelRunner = new Engine(ort as OrtModule, options, settings);

function describe(error: unknown): SentError {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const known = error instanceof PixcycleError ? error : undefined;
  return { message, stack, code: known?.code, hint: known?.hint };
}

// Calls are answered one after the other: a step must not see half of another's update.
let queue = Promise.resolve();
port.on("message", (call: RunnerCall) => {
  queue = queue.then(async () => {
    const method = engine[call.method] as (...args: unknown[]) => Promise<unknown>;
    const reply: RunnerReply = await method.apply(engine, call.args).then(
      (value) => ({ id: call.id, value }),
      (error: unknown) => ({ id: call.id, error: describe(error) }),
    );
    port.postMessage(reply);
    if (call.method === "close") port.close();
  });
});
