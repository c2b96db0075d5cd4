import type { Tensor } from "../graph/graph.js";
import { add, div, mul, sqrt, square, sub } from "../graph/language.js";
import { type AdamKernel, BLOCK, createAdamKernel } from "./adam-kernel.js";

/** Adam's constants (Kingma & Ba, 2015); β₂ is 0.999 in all reference implementations. */
export interface AdamOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  /**
   * Whether eps is added after the correction of the second moment, as PyTorch does, or before it, as Keras (Kingma &
   * Ba's ε̂, at the end of their section 2): p − lr · √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√v + eps).
   */
  readonly form: "torch" | "keras";
}

/** Scalars of one update, which the host computes: they depend on the step number alone. */
export interface AdamScalars<T> {
  /** lr / (1 − β₁ᵗ); of Keras' form lr · √(1 − β₂ᵗ) / (1 − β₁ᵗ) */
  readonly stepSize: T;
  /** 1 / √(1 − β₂ᵗ); of Keras' form 1, since the step size has it */
  readonly secondCorrection: T;
}

/** The scalars of update number `step`, counted from 1. */
export function adamScalars(
  { beta1, beta2, form }: AdamOptions,
  learningRate: number,
  step: number,
): AdamScalars<number> {
  const stepSize = learningRate / (1 - beta1 ** step);
  const root = Math.sqrt(1 - beta2 ** step);
  return form === "keras"
    ? { stepSize: stepSize * root, secondCorrection: 1 }
    : { stepSize, secondCorrection: 1 / root };
}

export interface AdamState<T> {
  readonly parameter: T;
  readonly firstMoment: T;
  readonly secondMoment: T;
}

/**
 * One Adam update inside a graph; the scalars decide between PyTorch's form and Keras':
 * p − stepSize · m / (√v · secondCorrection + eps) with m = β₁m + (1 − β₁)g, v = β₂v + (1 − β₂)g².
 */
export function adamUpdate(
  state: AdamState<Tensor>,
  gradient: Tensor,
  { beta1, beta2, eps }: AdamOptions,
  { stepSize, secondCorrection }: AdamScalars<Tensor>,
): AdamState<Tensor> {
  const firstMoment = add(mul(state.firstMoment, beta1), mul(gradient, 1 - beta1));
  const secondMoment = add(mul(state.secondMoment, beta2), mul(square(gradient), 1 - beta2));
  const denominator = add(mul(sqrt(secondMoment), secondCorrection), eps);
  return {
    parameter: sub(state.parameter, mul(div(firstMoment, denominator), stepSize)),
    firstMoment,
    secondMoment,
  };
}

let kernel: AdamKernel | undefined;

/**
 * Whether this thread takes denormal numbers as zero. ONNX Runtime sets that for the thread of its first session; updates
 * of two threads have the same bits only if both do or neither does.
 */
export function flushesDenormals(): boolean {
  const state = {
    parameter: new Float32Array(1),
    firstMoment: Float32Array.of(2 ** -126),
    secondMoment: new Float32Array(1),
  };
  const halved = { beta1: 0.5, beta2: 1, eps: 1, form: "torch" } as const;
  adamUpdateInPlace(state, new Float32Array(1), halved, { stepSize: 1, secondCorrection: 1 });
  return state.firstMoment[0] === 0;
}

/** The same update on plain arrays, in place and in float32. */
export function adamUpdateInPlace(
  { parameter, firstMoment, secondMoment }: AdamState<Float32Array>,
  gradient: Float32Array,
  { beta1, beta2, eps }: AdamOptions,
  { stepSize, secondCorrection }: AdamScalars<number>,
): void {
  kernel ??= createAdamKernel();
  const state = [
    [kernel.parameter, parameter],
    [kernel.firstMoment, firstMoment],
    [kernel.secondMoment, secondMoment],
  ] as const;
  for (let start = 0; start < parameter.length; start += BLOCK) {
    const end = Math.min(parameter.length, start + BLOCK);
    kernel.gradient.set(gradient.subarray(start, end));
    for (const [block, array] of state) block.set(array.subarray(start, end));
    const bytes = (end - start) * Float32Array.BYTES_PER_ELEMENT;
    kernel.update(bytes, beta1, 1 - beta1, beta2, 1 - beta2, stepSize, secondCorrection, eps);
    for (const [block, array] of state) array.set(block.subarray(0, end - start), start);
  }
}
