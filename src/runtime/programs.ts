import { recomputeActivations } from "../autodiff/recompute.js";
import { Graph, type Tensor } from "../graph/graph.js";
import { input } from "../graph/language.js";
import type { Shape } from "../graph/shape.js";
import type { Part } from "../models/builder.js";
import { type Model, stepProgram } from "../models/model.js";
import type { BatchShape, StepProgram } from "../models/program.js";
import { updateInGraph } from "../models/update.js";
import type { Network } from "../networks/registry.js";
import type { AdamOptions } from "../nn/adam.js";
import { type DropoutMask, NetworkState } from "../nn/forward.js";
import { type CompiledGraph, type CompileOptions, compileToOnnx, planMemory } from "../onnx/compile.js";
import type { LoweringSettings } from "../onnx/lowerings.js";
import type { MemoryPlan } from "../onnx/memory-plan.js";
import type { ModelOptions } from "../options/schema.js";
import { type Device, deviceOf } from "./device.js";

/** Output names of a compiled step. */
export const stepOutputs = {
  loss: (name: string): string => `loss/${name}`,
  visual: (name: string): string => `visual/${name}`,
  pool: (name: string): string => `pool/${name}`,
  gradient: (parameter: string): string => `gradient/${parameter}`,
  gradientSum: (optimizer: string): string => `gradient_sum/${optimizer}`,
  next: (state: string): string => `next/${state}`,
};

/** A step's program and its ONNX graph. */
export interface CompiledStep {
  readonly program: StepProgram;
  readonly compiled: CompiledGraph;
  /** Optimisers whose updates the host does, with their gradients among the outputs. */
  readonly hostOptimizers: readonly StepProgram["optimizers"][number][];
  /** State that the graph itself rewrites. */
  readonly rewritten: readonly string[];
}

/** How the graph of a step is made. */
export type StepSettings = Pick<Device, "target" | "updates"> &
  LoweringSettings & {
    /** Whether activations are computed again for the gradients; default false. */
    readonly checkpointing?: boolean;
  };

/** Compiles a training step for one batch shape, whole or one phase of it. */
export function compileStep(
  model: Model,
  options: ModelOptions,
  shape: BatchShape,
  part: Part = "whole",
  settings: StepSettings = deviceOf("cpu"),
): CompiledStep {
  const { outputs, ...step } = stepGraph(model, options, shape, part, settings);
  return { ...step, compiled: compileToOnnx(outputs, compileOptions(options, settings)) };
}

/** What is in memory during a run of the whole step that `compileStep` makes, apart from its inputs and outputs. */
export function planStep(
  model: Model,
  options: ModelOptions,
  shape: BatchShape,
  settings: StepSettings = deviceOf("cpu"),
): MemoryPlan {
  const { outputs } = stepGraph(model, options, shape, "whole", settings);
  return planMemory(outputs, compileOptions(options, settings));
}

const compileOptions = (
  { model }: ModelOptions,
  { target, conv, fp16 = false }: StepSettings,
): CompileOptions => ({
  name: `${model} step`,
  ...{ target, fp16 },
  ...(conv && { conv }),
  hideShapes: target === "cpu",
});

function stepGraph(
  model: Model,
  options: ModelOptions,
  shape: BatchShape,
  part: Part,
  { updates, checkpointing = false, fp16 = false }: StepSettings,
): Omit<CompiledStep, "compiled"> & { readonly outputs: Readonly<Record<string, Tensor>> } {
  const program = stepProgram(model, options, shape, part, updates, fp16);
  const hostOptimizers = program.optimizers.filter(({ updated }) => !updated || updated.size === 0);
  const outputs: Record<string, Tensor> = {};
  for (const [name, tensor] of program.losses) outputs[stepOutputs.loss(name)] = tensor;
  for (const [name, tensor] of program.visuals) outputs[stepOutputs.visual(name)] = tensor;
  for (const { name, fakes } of program.pools) outputs[stepOutputs.pool(name)] = fakes;
  for (const { gradients } of hostOptimizers) {
    for (const [name, tensor] of gradients) outputs[stepOutputs.gradient(name)] = tensor;
  }
  for (const { name, gradientSum } of program.optimizers) {
    if (gradientSum) outputs[stepOutputs.gradientSum(name)] = gradientSum;
  }
  const next = [...program.buffers, ...program.optimizers.flatMap(({ updated }) => [...(updated ?? [])])];
  for (const [name, tensor] of next) outputs[stepOutputs.next(name)] = tensor;
  return {
    program,
    hostOptimizers,
    rewritten: next.map(([name]) => name),
    outputs: checkpointing ? recomputeActivations(outputs) : outputs,
  };
}

/** A generator's forward pass: input `image`, output `result`. */
export interface CompiledTranslation {
  readonly compiled: CompiledGraph;
  readonly dropoutMasks: readonly DropoutMask[];
}

/** What a translation is compiled for. */
export interface TranslationTarget extends LoweringSettings {
  /** Weights that become constants, by state-dict name. */
  readonly weights?: ReadonlyMap<string, Float32Array>;
}

/**
 * Compiles a generator's forward pass on [N, C, H, W]. With `weights` they become constants, which runs faster;
 * without, they are inputs named `<network>/<state-dict name>`.
 */
export function compileTranslation(
  network: Network,
  { batch, height, width }: BatchShape,
  mode: "train" | "eval",
  { weights, ...settings }: TranslationTarget = {},
): CompiledTranslation {
  const graph = new Graph();
  const state = new NetworkState(graph, network.name, mode);
  const image = input(graph, "image", [batch, network.inputChannels, height, width]);
  const result = state.call("translation", () => network.forward(state, image));
  const constants = weights && new Map([...weights].map(([name, data]) => [`${network.name}/${name}`, data]));
  const compiled = compileToOnnx(
    { result },
    { ...settings, name: network.name, ...(constants && { constants }) },
  );
  return { compiled, dropoutMasks: state.masks };
}

/** Compiles a graph that gives every input back as `next/<name>`: the way into a device's memory and out of it. */
export function compileCopy(shapes: ReadonlyMap<string, Shape>): CompiledGraph {
  const graph = new Graph();
  const copies = [...shapes].map(([name, shape]) => [stepOutputs.next(name), input(graph, name, shape)]);
  return compileToOnnx(Object.fromEntries(copies), { name: "copy" });
}

/** Compiles one Adam update of parameters on a device, by `<network>/<name>`, from inputs `gradient/<network>/<name>`. */
export function compileUpdate(
  optimizer: string,
  parameters: ReadonlyMap<string, Shape>,
  adam: AdamOptions,
): CompiledGraph {
  const graph = new Graph();
  const outputs: Record<string, Tensor> = {};
  for (const [key, shape] of parameters) {
    const gradient = input(graph, stepOutputs.gradient(key), shape);
    const next = updateInGraph(graph, optimizer, key, input(graph, key, shape), gradient, adam);
    for (const [name, tensor] of next) outputs[stepOutputs.next(name)] = tensor;
  }
  return compileToOnnx(outputs, { name: `optimizer ${optimizer}`, target: "webgpu" });
}
