import type { ModelOptions } from "../options/schema.js";
import { Engine } from "../runtime/engine.js";
import { noHalf, type StepComputation, stepComputation } from "../runtime/ort.js";
import { probeDevice } from "../runtime/probe.js";
import { ortModule } from "./ort-module.js";
import { onDevice, type Runtime, type RuntimeSettings } from "./runtime.js";

/** Where a model runs, and how its steps are computed. */
export interface RunnerSettings extends RuntimeSettings, StepComputation {}

/** A model in training, in this thread. */
export interface OpenEngine extends Pick<Runtime, "device" | "threads"> {
  readonly engine: Engine;
}

/**
 * A model with fresh weights: the engine that Node has, on ONNX Runtime for browsers. A step may block this thread.
 * @throws PixcycleError E_RUNTIME where the device is not there, E_DEVICE where it lacks float16
 */
export function openEngine(options: ModelOptions, settings: RunnerSettings): Promise<OpenEngine> {
  return onDevice(settings, async ({ ort, device, threads }) => {
    const module = ortModule(ort);
    // ONNX Runtime for browsers calls wasm the CPU, too. Its threads are one setting for all sessions, made already.
    const where = device === "wasm" ? "cpu" : device;
    if (settings.fp16) await requireHalf();
    await probeDevice(module, where, settings.fp16);
    const engine = new Engine(module, options, {
      ...{ threads: 0, device: where },
      ...stepComputation(settings),
    });
    return { engine, device, threads };
  });
}

/** @throws PixcycleError E_DEVICE where the browser's adapter has no float16 */
async function requireHalf(): Promise<void> {
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter?.features.has("shader-f16")) throw noHalf();
}
