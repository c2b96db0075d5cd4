import type { FloatTensor, TensorMap } from "../formats/tensor.js";

/** One training batch, NCHW, values in [−1, 1]. `real_A` and `real_B` have the same N, H and W. */
export interface Batch {
  readonly real_A: FloatTensor;
  readonly real_B: FloatTensor;
}

/** What came before the first step of a batch shape. */
export interface StepSetup {
  /** ONNX nodes of the step. */
  readonly nodes: number;
  /** Seconds in which the step's graph was written. */
  readonly graphSeconds: number;
  /** Seconds in which ONNX Runtime made a session of it. */
  readonly sessionSeconds: number;
}

/** How a step in float16 went. */
export interface Scaling {
  /** What its losses were multiplied with before gradients were taken. */
  readonly lossScale: number;
  /** Optimisers whose gradients overflowed: weights and moments are what they were. */
  readonly skipped: readonly string[];
}

/** What one training step reports. */
export interface StepResult {
  /** By the reference's loss names: `G_GAN`, `G_L1`, `D_real`, `D_fake`, or `G_A`, `D_A`, `cycle_A`, `idt_A`, … */
  readonly losses: Readonly<Record<string, number>>;
  /** Images of the step, NCHW in [−1, 1], by the reference's names (`fake_B`, `rec_A`, …); empty unless asked for. */
  readonly visuals: Readonly<Record<string, FloatTensor>>;
  /** With the first step of a batch shape. */
  readonly setup?: StepSetup;
  /** With `fp16`. */
  readonly scaling?: Scaling;
}

export interface StepRequest {
  /** The learning rate of this step, from the schedule. */
  readonly learningRate: number;
  /** Return the step's images too. */
  readonly visuals?: boolean;
  /** Dropout masks by name, instead of random ones: `dropout/<network>/<image>/<module>`, elements 0 or 2. */
  readonly dropoutMasks?: ReadonlyMap<string, Float32Array>;
  /** Likewise wgangp's places between real (1) and fake (0), one per image: `uniform/<network>/penalty`. */
  readonly uniforms?: ReadonlyMap<string, Float32Array>;
}

/** The gradients of one phase by optimiser input name, `<network>/<state-dict name>`. */
export interface PhaseGradients {
  readonly losses: Readonly<Record<string, number>>;
  readonly gradients: ReadonlyMap<string, FloatTensor>;
}

export interface InferRequest {
  /** Use running statistics and no dropout; by default batch statistics and dropout stay on, as in the reference. */
  readonly evaluate?: boolean;
}

/**
 * A model on a device: it owns the weights, the optimiser's moments and the image pools.
 * Trainers, commands and servers see only this; no device detail leaks through it.
 */
export interface ModelRunner {
  /** Runs one whole training step: forward passes, losses, gradients and updates. */
  step(batch: Batch, request: StepRequest): Promise<StepResult>;
  /**
   * The gradients of one phase of the step (see `Model.phases`), for micro-batches or many machines. Weights stay;
   * running statistics, pools and counters advance as in a step.
   */
  gradients(
    batch: Batch,
    phase: number,
    request?: Pick<StepRequest, "dropoutMasks" | "uniforms">,
  ): Promise<PhaseGradients>;
  /**
   * One update of the phase's optimisers from given gradients. All phases in order are one step. With `fp16`, an optimiser
   * is skipped if a gradient of it is not finite.
   */
  apply(
    gradients: ReadonlyMap<string, FloatTensor>,
    phase: number,
    request: Pick<StepRequest, "learningRate">,
  ): Promise<void>;
  /**
   * Translates a batch with one generator (`net_G`, `net_G_A` or `net_G_B`); height and width must be
   * multiples of the generator's divisor.
   */
  infer(generator: string, images: FloatTensor, request?: InferRequest): Promise<FloatTensor>;
  /**
   * All state as named tensors: `net_G/<state-dict name>`, `optimizer_G/exp_avg/net_G/<name>`,
   * `optimizer_G/exp_avg_sq/…`, `pool_A/images`, the counters `step` and `optimizer_G/step`, and with `fp16` the loss scale.
   */
  saveState(): Promise<TensorMap>;
  /** Restores what `saveState` returned; unknown, missing or misshapen entries are an error naming them. */
  loadState(state: TensorMap): Promise<void>;
  /** Replaces the weights of one network by state-dict names; the optimiser is left as it is. */
  loadNetwork(network: string, weights: TensorMap): Promise<void>;
  /** Ends the worker and frees the device's memory. */
  close(): Promise<void>;
}
