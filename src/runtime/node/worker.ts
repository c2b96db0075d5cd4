import { parentPort, workerData } from "node:worker_threads";
import * as ort from "onnxruntime-node";
import { sendError } from "../../errors.js";
import { Engine } from "../engine.js";
import type { OrtModule } from "../ort.js";
import { GeneratorEngine } from "../translator.js";
import type { WorkerCall, WorkerReply, WorkerSetup } from "./protocol.js";

/** The thread that owns a model: ONNX Runtime blocks it during a step, and the main thread stays alive. */

const setup = workerData as WorkerSetup;
const port = parentPort;
if (!port) throw new Error("This file runs as a worker thread only.");

const runtime = ort as OrtModule;
const reply = (message: WorkerReply): void => port.postMessage(message);

function create(): object {
  return setup.kind === "model"
    ? new Engine(runtime, setup.options, setup.settings)
    : new GeneratorEngine(runtime, setup.generator, setup.settings);
}

function serve(target: object): void {
  // Calls are answered one after the other: a step must not see half of another's update.
  let queue = Promise.resolve();
  port!.on("message", ({ id, method, args }: WorkerCall) => {
    queue = queue.then(async () => {
      try {
        const call = Reflect.get(target, method) as (...args: readonly unknown[]) => Promise<unknown>;
        reply({ id, value: await call.apply(target, [...args]) });
      } catch (error) {
        reply({ id, error: sendError(error) });
      }
      if (method === "close") port!.close();
    });
  });
}

try {
  serve(create());
} catch (error) {
  reply({ id: -1, error: sendError(error) });
  port.close();
}
