import { checkFloat16 } from "../options/conflicts.js";
import type { ModelOptions } from "../options/schema.js";
import type { RemoteObject } from "../runtime/calls.js";
import { type StepComputation, stepComputation } from "../runtime/ort.js";
import type { ModelRunner } from "../runtime/runner.js";
import { connectWorker, type PageRuntimeSettings, runtimeSettings } from "./remote.js";
import type { TrainingSetup } from "./training-setup.js";

/** Where a model runs, and how its steps are computed. */
export interface PageRunnerSettings extends PageRuntimeSettings, StepComputation {}

/**
 * Starts a model with fresh weights in a web worker, as `createRunner` of Node does in a thread. Its methods throw
 * `PixcycleError`, with `E_RUNTIME` where the device is not there or the worker dies, `E_DEVICE` where it lacks float16.
 * @throws PixcycleError E_OPTION_CONFLICT for `fp16` on another device than `webgpu`
 */
export function createRunner(options: ModelOptions, settings: PageRunnerSettings = {}): ModelRunner {
  checkFloat16(settings);
  const { worker, remote } = startTrainingWorker({
    ...{ kind: "model", options },
    settings: { ...runtimeSettings(settings), ...stepComputation(settings) },
  });
  return {
    step: remote.method("step"),
    gradients: remote.method("gradients"),
    apply: remote.method("apply"),
    infer: remote.method("infer"),
    saveState: remote.method("saveState"),
    loadState: remote.method("loadState"),
    loadNetwork: remote.method("loadNetwork"),
    async close() {
      await remote.close();
      worker.terminate();
    },
  };
}

/** A worker, and the object in it. */
export interface RemoteWorker {
  readonly worker: Worker;
  readonly remote: RemoteObject;
}

/** Starts the worker that owns a model in training. */
export function startTrainingWorker(setup: TrainingSetup): RemoteWorker {
  const worker = new Worker(new URL("./training-worker.js", import.meta.url), {
    type: "module",
    name: "pixcycle training",
  });
  const remote = connectWorker(worker, "training");
  worker.postMessage(setup);
  return { worker, remote };
}
