import type { Network } from "../networks/registry.js";
import type { AdamOptions } from "../nn/adam.js";
import type { ModelOptions } from "../options/schema.js";
import { type Part, StepBuilder, type Updates } from "./builder.js";
import { cycleGan } from "./cycle-gan.js";
import { pix2pix } from "./pix2pix.js";
import type { BatchShape, StepProgram } from "./program.js";

/** A translator in training: its networks, optimisers and how one step goes. */
export interface Model {
  readonly networks: readonly Network[];
  /** Generators by the direction that they translate. */
  readonly generators: Readonly<Partial<Record<"AtoB" | "BtoA", Network>>>;
  /** Which networks each optimiser trains. */
  readonly optimizers: Readonly<Record<string, readonly Network[]>>;
  /**
   * Optimisers in the order in which they are applied; those of one phase take their gradients from the same old
   * weights, those of a later phase from what the earlier ones left.
   */
  readonly phases: readonly (readonly string[])[];
  readonly lossNames: readonly string[];
  readonly visualNames: readonly string[];
  readonly pools: readonly string[];
  /** Writes the training step. */
  readonly build: (step: StepBuilder, shape: BatchShape) => void;
}

/** Adam's constants; the second moment's decay is PyTorch's default. */
export const adamOptions = ({ beta1, adam_eps, adam_form }: ModelOptions): AdamOptions => ({
  beta1,
  beta2: 0.999,
  eps: adam_eps,
  form: adam_form,
});

/** The model that the options describe. */
export function createModel(options: ModelOptions): Model {
  return options.model === "pix2pix" ? pix2pix(options) : cycleGan(options);
}

/**
 * The step's program for one batch shape, whole or one phase of it.
 * @param scaled whether gradients are taken of losses times an input, `LOSS_SCALE`, which keeps them in float16's range
 */
export function stepProgram(
  model: Model,
  options: ModelOptions,
  shape: BatchShape,
  part: Part = "whole",
  updates: Updates = "visible",
  scaled = false,
): StepProgram {
  const builder = new StepBuilder(model.networks, part, adamOptions(options), updates, scaled);
  model.build(builder, shape);
  return builder.finish();
}
