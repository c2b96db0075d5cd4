import type * as Ort from "onnxruntime-web";
import { PixcycleError } from "../errors.js";

/** Where a model computes. */
export type Device = "wasm" | "webgpu";

export interface RuntimeSettings {
  /** `auto`, the default, takes WebGPU where there is a graphics card, else wasm. */
  readonly device?: Device | "auto";
  /** Threads on wasm; 0, the default, decides by the cores. Only cross-origin isolated pages have more than one. */
  readonly threads?: number;
  /** The folder with ONNX Runtime's `.wasm` and `.mjs` files; by default where the bundler put them. */
  readonly runtime?: string;
}

/** ONNX Runtime for a device. */
export interface Runtime {
  readonly ort: typeof Ort;
  readonly device: Device;
  /** Threads of the computation on the CPU; 1 on WebGPU. */
  readonly threads: number;
}

export interface OpenSession extends Runtime {
  readonly session: Ort.InferenceSession;
}

/**
 * A session on the device that was asked for; with `auto`, on wasm if WebGPU fails.
 * @throws PixcycleError E_RUNTIME where the device is not there, or the model does not load
 */
export function openSession(model: Uint8Array, settings: RuntimeSettings): Promise<OpenSession> {
  return onDevice(settings, async (runtime) => {
    const session = await runtime.ort.InferenceSession.create(model, {
      executionProviders: [runtime.device],
      graphOptimizationLevel: "all",
      logSeverityLevel: 3,
    });
    return { ...runtime, session };
  });
}

/**
 * Opens something on the device that was asked for; with `auto`, on wasm if WebGPU fails.
 * @throws PixcycleError E_RUNTIME where the device is not there, or `open` fails
 */
export async function onDevice<T>(
  settings: RuntimeSettings,
  open: (runtime: Runtime) => Promise<T>,
): Promise<T> {
  const { device = "auto" } = settings;
  if (device !== "auto") return openOn(device, settings, open);
  const adapter = await navigator.gpu?.requestAdapter();
  if (adapter && !adapter.info.isFallbackAdapter) {
    // A graphics card may refuse a model, for its memory or its driver.
    const opened = await openOn("webgpu", settings, open).catch(() => undefined);
    if (opened !== undefined) return opened;
  }
  return openOn("wasm", settings, open);
}

async function openOn<T>(
  device: Device,
  settings: RuntimeSettings,
  open: (runtime: Runtime) => Promise<T>,
): Promise<T> {
  try {
    if (device === "webgpu" && !(await navigator.gpu?.requestAdapter())) throw new Error("no WebGPU here");
    // Each has its own wasm file; that of WebGPU is twice as large.
    const ort =
      device === "webgpu" ? await import("onnxruntime-web/webgpu") : await import("onnxruntime-web/wasm");
    const threads = device === "wasm" ? threadCount(settings.threads ?? 0) : 1;
    ort.env.wasm.numThreads = threads;
    if (settings.runtime !== undefined) ort.env.wasm.wasmPaths = settings.runtime;
    return await open({ ort, device, threads });
  } catch (cause) {
    throw runtimeError(`The model does not run on ${device}`, cause);
  }
}

/** Half the cores and at least two: the page needs one too, and phones have slow ones among them. */
function threadCount(wanted: number): number {
  if (!crossOriginIsolated) return 1;
  const cores = navigator.hardwareConcurrency;
  return wanted > 0 ? wanted : Math.min(cores, Math.max(2, Math.ceil(cores / 2)), 8);
}

/** A failure of ONNX Runtime as E_MEMORY or E_RUNTIME; others are returned as they are. */
export function runtimeError(what: string, cause: unknown): PixcycleError {
  if (cause instanceof PixcycleError) return cause;
  const reason = (cause instanceof Error ? cause.message : String(cause)).split("\n")[0]!.replace(/\.$/, "");
  if (/bad_alloc|out of memory|allocat/i.test(reason)) {
    const hint = "Use smaller images.";
    return new PixcycleError("E_MEMORY", `${what}: not enough memory (${reason}).`, { hint, cause });
  }
  return new PixcycleError("E_RUNTIME", `${what}: ${reason}.`, { cause });
}
