import { elements } from "../graph/shape.js";
import { createModel } from "../models/model.js";
import { describeNetwork } from "../networks/registry.js";
import type { Options } from "../options/schema.js";
import { deviceOf } from "../runtime/device.js";
import { planStep } from "../runtime/programs.js";
import type { MemoryEstimate } from "./memory.js";

const BYTES = 4;
/** Weights, gradients and two moments. */
const COPIES_OF_PARAMETERS = 4;
/** A checkpoint holds weights and two moments: collected, and encoded. */
const COPIES_WHILE_SAVING = 3 * 2;
/** ONNX Runtime's arena has gaps between values of many sizes: measured 1.2 to 1.35. */
const ARENA_FACTOR = 1.3;
/** The process without a model. */
const PROCESS_BYTES = 256 * 2 ** 20;

/** Estimates the memory of training on images of a size, from the plan of the step's ONNX graph. */
export function estimateMemory(
  options: Options,
  { width, height }: { readonly width: number; readonly height: number },
): MemoryEstimate {
  const model = createModel(options);
  const { peakBytes } = planStep(
    model,
    options,
    { batch: options.batch_size, height, width },
    {
      ...deviceOf(options.device),
      ...{ conv: options.conv, checkpointing: options.checkpointing, fp16: options.fp16 },
    },
  );
  const parameters = model.networks
    .flatMap((network) => describeNetwork(network))
    .filter(({ role }) => role === "parameter")
    .reduce((sum, { shape }) => sum + elements(shape), 0);
  return {
    state: parameters * BYTES * COPIES_OF_PARAMETERS,
    activations: peakBytes * ARENA_FACTOR + PROCESS_BYTES,
    saving: parameters * BYTES * COPIES_WHILE_SAVING,
  };
}
