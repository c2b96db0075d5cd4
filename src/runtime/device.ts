import type { InferenceSession } from "onnxruntime-common";
import type { Updates } from "../models/builder.js";
import type { Target } from "../onnx/lowerings.js";

/** What a model computes on, and where it keeps its state. */
export interface Device {
  readonly name: "cpu" | "webgpu";
  readonly provider: InferenceSession.ExecutionProviderConfig;
  readonly target: Target;
  /** State stays in the device's buffers from step to step; otherwise it is in arrays of the host. */
  readonly resident: boolean;
  /** Which updates a step's graph makes. On the CPU, the host makes them in place, which is faster. */
  readonly updates: Updates;
}

const DEVICES: { readonly [N in Device["name"]]: Device } = {
  cpu: { name: "cpu", provider: "cpu", target: "cpu", resident: false, updates: "visible" },
  webgpu: {
    name: "webgpu",
    // Graphs are NCHW: with NHWC the provider puts a transpose around every convolution, and those of conditions run
    // on the CPU.
    provider: { name: "webgpu", preferredLayout: "NCHW" },
    target: "webgpu",
    resident: true,
    updates: "all",
  },
};

/**
 * The device that `--device` names. `auto` is the CPU: ONNX Runtime does not tell a graphics card from a driver that
 * computes in software, which is many times slower than the CPU.
 */
export const deviceOf = (name: Device["name"] | "auto" = "auto"): Device =>
  DEVICES[name === "auto" ? "cpu" : name];
