import { createRunner } from "../runtime/node/create.js";
import { requireDevice } from "../runtime/node/require-device.js";
import { openTrainingData } from "./data.js";
import { estimateMemory } from "./memory-estimate.js";
import { writeSampleGrid } from "./samples.js";
import type { TrainingServices } from "./session.js";
import { openValidation } from "./validation.js";

/** What a training needs, on this machine. */
export const nodeServices: TrainingServices = {
  openData: openTrainingData,
  createRunner: async (options) => {
    await requireDevice(options.device, options.fp16);
    return createRunner(options, {
      threads: options.threads,
      device: options.device,
      conv: options.conv,
      checkpointing: options.checkpointing,
      fp16: options.fp16,
    });
  },
  estimateMemory,
  openValidation,
  writeSample: writeSampleGrid,
};
