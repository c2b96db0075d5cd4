import type { ModelOptions } from "../options/schema.js";
import { Engine } from "../runtime/engine.js";
import type { SessionSettings } from "../runtime/ort.js";
import { probeDevice } from "../runtime/probe.js";
import { ortModule } from "./ort-module.js";
import { onDevice, type Runtime, type RuntimeSettings } from "./runtime.js";

/** Where a model runs, and how its convolutions are computed on the CPU. */
export interface RunnerSettings extends RuntimeSettings, Pick<SessionSettings, "conv"> {}

/** A model in training, in this thread. */
export interface OpenEngine extends Pick<Runtime, "device" | "threads"> {
  readonly engine: Engine;
}

/**
 * A model with fresh weights: the engine that Node has, on ONNX Runtime for browsers. A step may block this thread.
 * @throws PixcycleError E_RUNTIME where the device is not there
 */
export function openEngine(options: ModelOptions, settings: RunnerSettings): Promise<OpenEngine> {
  return onDevice(settings, async ({ ort, device, threads }) => {
    const module = ortModule(ort);
    // ONNX Runtime for browsers calls wasm the CPU, too. Its threads are one setting for all sessions, made already.
    const where = device === "wasm" ? "cpu" : device;
    await probeDevice(module, where);
    const engine = new Engine(module, options, {
      ...{ threads: 0, device: where },
      ...(settings.conv && { conv: settings.conv }),
    });
    return { engine, device, threads };
  });
}
