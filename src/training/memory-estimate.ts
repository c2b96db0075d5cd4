import { peakLiveElements } from "../graph/liveness.js";
import { createModel, stepProgram } from "../models/model.js";
import type { Options } from "../options/schema.js";
import type { MemoryEstimate } from "./memory.js";

const BYTES = 4;
/** Weights, gradients and two moments. */
const COPIES_OF_PARAMETERS = 4;
/** A checkpoint holds weights and two moments: collected, sent between threads, and encoded. */
const COPIES_WHILE_SAVING = 3 * 3;
/** ONNX Runtime's arena grows by doubling, and holds workspaces of convolutions too: measured 1.9 to 2.4. */
const ARENA_FACTOR = 2;
/** The process without a model. */
const PROCESS_BYTES = 256 * 2 ** 20;

/**
 * Estimates the memory of training on images of a size, by walking the step's graph: a tensor lives from the node
 * that makes it to its last use.
 */
export function estimateMemory(
  options: Options,
  { width, height }: { readonly width: number; readonly height: number },
): MemoryEstimate {
  const shape = { batch: options.batch_size, height, width };
  const program = stepProgram(createModel(options), options, shape);
  const gradients = program.optimizers.flatMap((optimizer) => [...optimizer.gradients.values()]);
  const outputs = [
    ...program.losses.values(),
    ...program.buffers.values(),
    ...program.optimizers.flatMap(({ updated }) => [...(updated?.values() ?? [])]),
    ...program.pools.map(({ fakes }) => fakes),
    ...gradients,
  ];
  const parameters = gradients.reduce((sum, { size }) => sum + size, 0);
  return {
    state: parameters * BYTES * COPIES_OF_PARAMETERS,
    activations: peakLiveElements(outputs) * BYTES * ARENA_FACTOR + PROCESS_BYTES,
    saving: parameters * BYTES * COPIES_WHILE_SAVING,
  };
}
