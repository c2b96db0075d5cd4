import { type Bounds, CPU_BOUNDS } from "../models/golden-checks.js";

/**
 * On SwiftShader the worst picture that went through two generators, of 4 filters, is off by 1.03e-5 of its norm, on the
 * CPU by 0.7e-5: exp, tanh and the order of sums are the driver's. Everything else is within the CPU's bounds.
 */
export const WEBGPU_BOUNDS: Bounds = { ...CPU_BOUNDS, forward: 2e-5 };

/** WebAssembly has no fused multiply-add: each product of a sum is rounded. The worst picture is off by 1.05e-5. */
export const WASM_BOUNDS: Bounds = { ...CPU_BOUNDS, forward: 2e-5 };
