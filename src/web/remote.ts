import { PixcycleError } from "../errors.js";
import { RemoteObject, type Reply } from "../runtime/calls.js";
import type { RuntimeSettings } from "./runtime.js";

/** Where ONNX Runtime runs, as a page says it. */
export interface PageRuntimeSettings extends Omit<RuntimeSettings, "runtime"> {
  /** The folder with ONNX Runtime's `.wasm` and `.mjs` files; by default where the bundler put them. */
  readonly runtime?: string | URL;
}

/** The settings for a worker, whose own address is another. */
export function runtimeSettings({
  device = "auto",
  threads = 0,
  runtime,
}: PageRuntimeSettings): RuntimeSettings {
  const folder = runtime && { runtime: new URL(runtime, document.baseURI).href };
  return { device, threads, ...folder };
}

/** Calls the object in a web worker. @param what the worker is called in an error */
export function connectWorker(worker: Worker, what: string): RemoteObject {
  const remote = new RemoteObject((call) => worker.postMessage(call));
  worker.addEventListener("message", ({ data }: MessageEvent<Reply | object>) => {
    // A worker may say other things, too, without being asked.
    if ("id" in data) remote.settle(data);
  });
  worker.addEventListener("error", (event) => {
    const reason = event.message ? `: ${event.message}` : ", or its file is missing";
    remote.fail(new PixcycleError("E_RUNTIME", `The ${what}'s worker failed${reason}.`));
  });
  return remote;
}
