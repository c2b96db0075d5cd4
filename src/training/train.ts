import type { OptionValues } from "../options/resolve.js";
import type { TrainHooks } from "./hooks.js";
import { nodeServices } from "./node.js";
import { runFolder } from "./run-folder.js";
import { resolveTraining, runSession } from "./session.js";
import type { TrainingResult } from "./trainer.js";

/** Callbacks of a training, and how to stop it. */
export interface TrainControls extends TrainHooks {
  /** When aborted, the step in progress is finished and saved, and `train` returns with `finished: false`. */
  readonly signal?: AbortSignal;
}

/** What `train` returns. */
export interface TrainReport extends TrainingResult {
  /** The run's folder: `config.json`, `metrics.jsonl`, `samples/`, `checkpoints/`, `latest`. */
  readonly folder: string;
}

/**
 * Trains pix2pix or CycleGAN on a folder of images, as `pixcycle train` does, and writes the run's folder.
 *
 * ```ts
 * const { checkpoint } = await train(
 *   { model: "pix2pix", dataroot: "datasets/facades", direction: "BtoA", name: "facades" },
 *   { onStep: ({ step, losses }) => console.log(step, losses) },
 * );
 * ```
 *
 * @param options by the reference's names; what is left out comes from the preset that `model` stands for.
 * With `continue_train: true` it comes from the earlier run of that `name`.
 * @param controls callbacks between the steps, and a signal to stop
 * @throws PixcycleError with a code: `E_OPTION`, `E_OPTION_CONFLICT`, `E_DATA_…`, `E_IMAGE_…`, `E_CHECKPOINT_…`,
 * `E_MEMORY`, `E_FILE_WRITE`, `E_DIVERGED`; checkpoints written before stay whole
 */
export async function train(options: OptionValues, controls: TrainControls = {}): Promise<TrainReport> {
  const { signal, ...hooks } = controls;
  const resolved = await resolveTraining({ flags: options });
  for (const warning of resolved.warnings) hooks.onNotice?.(`warning: ${warning}`);
  const result = await runSession(resolved, nodeServices, {
    hooks,
    ...(signal === undefined ? {} : { signal }),
  });
  return { ...result, folder: runFolder(resolved.options).path };
}
