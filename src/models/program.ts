import type { Tensor } from "../graph/graph.js";
import type { Shape } from "../graph/shape.js";
import type { DropoutMask } from "../nn/forward.js";

/** Numbers in [0, 1) that the host draws for every step. */
export interface UniformDraw {
  readonly name: string;
  readonly shape: Shape;
}

/** What one optimiser does in a program: the gradient of each of its parameters, by `<network>/<name>`. */
export interface OptimizerStep {
  readonly name: string;
  readonly gradients: ReadonlyMap<string, Tensor>;
  /** Parameters and moments after the update, where the rest of the program needs them. */
  readonly updated?: ReadonlyMap<string, Tensor>;
  /** With a loss scale: the sum of all gradients' absolute values, a scalar, which is finite only if they are. */
  readonly gradientSum?: Tensor;
}

/** An image pool: the discriminator sees mix · fakes + pooled, chosen on the host before the step. */
export interface PoolUse {
  readonly name: string;
  /** This step's fakes [N, C, H, W], which the pool stores afterwards. */
  readonly fakes: Tensor;
  /** Names of the inputs mix [N, N] and pooled [N, C, H, W]. */
  readonly mixInput: string;
  readonly pooledInput: string;
}

/**
 * One run of one session: a whole training step, or one phase of it. Inputs named `real_A`, `real_B`,
 * `<network>/<state name>`, `<optimizer>/exp_avg/<network>/<name>`, `<optimizer>/step_size`, … are fed by the runtime.
 */
export interface StepProgram {
  readonly losses: ReadonlyMap<string, Tensor>;
  readonly visuals: ReadonlyMap<string, Tensor>;
  readonly optimizers: readonly OptimizerStep[];
  readonly pools: readonly PoolUse[];
  readonly dropoutMasks: readonly DropoutMask[];
  readonly uniforms: readonly UniformDraw[];
  /** New values of running statistics, by `<network>/<name>`. */
  readonly buffers: ReadonlyMap<string, Tensor>;
  /** How far each `num_batches_tracked` advances. */
  readonly counters: ReadonlyMap<string, number>;
}

/** Batch size and image size of a step. */
export interface BatchShape {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
}

/** Input names of an optimiser's state and scalars. */
export const optimizerInputs = {
  firstMoment: (optimizer: string, parameter: string): string =>
    `optimizer_${optimizer}/exp_avg/${parameter}`,
  secondMoment: (optimizer: string, parameter: string): string =>
    `optimizer_${optimizer}/exp_avg_sq/${parameter}`,
  stepSize: (optimizer: string): string => `optimizer_${optimizer}/step_size`,
  secondCorrection: (optimizer: string): string => `optimizer_${optimizer}/second_correction`,
};

/** Input name of what losses are multiplied with before gradients are taken, and these divided by. */
export const LOSS_SCALE = "loss_scale";

/** Whether an update is made, by `gradientSum`: a sum beyond this is that of an overflow, and so is one that is not a number. */
export const LARGEST_GRADIENT_SUM = 3e38;

/** Scalar inputs are fed as tensors of this shape. */
export const SCALAR: Shape = [];
