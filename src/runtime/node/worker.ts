import { parentPort, workerData } from "node:worker_threads";
import { sendError } from "../../errors.js";
import { answerCalls, buffersOfState, type Call, type Reply } from "../calls.js";
import { Engine } from "../engine.js";
import { ExportedGenerator } from "../exported.js";
import { GeneratorEngine } from "../translator.js";
import { ortModule } from "./ort-module.js";
import type { WorkerSetup } from "./protocol.js";
import { valuesInThreads } from "./starting-threads.js";
import { startUpdateThreads } from "./update-threads.js";

/** The thread that owns a model: ONNX Runtime blocks it during a step, and the main thread stays alive. */

const setup = workerData as WorkerSetup;
const port = parentPort;
if (!port) throw new Error("This file runs as a worker thread only.");

const reply = (message: Reply): void => port.postMessage(message, buffersOfState(message));

function create(): object {
  const { settings } = setup;
  if (setup.kind === "exported") return new ExportedGenerator(ortModule, setup.model, settings);
  if (setup.kind === "generator") return new GeneratorEngine(ortModule, setup.generator, settings);
  return new Engine(ortModule, setup.options, settings, {
    startHelpers: () => startUpdateThreads(settings.threads),
    makeValues: (wanted) => valuesInThreads(settings.threads, wanted),
  });
}

try {
  const answer = answerCalls(create(), reply);
  port.on("message", async (call: Call) => {
    await answer(call);
    if (call.method === "close") port.close();
  });
} catch (error) {
  reply({ id: -1, error: sendError(error) });
  port.close();
}
