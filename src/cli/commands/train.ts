import { allOptions, type OptionName } from "../../options/schema.js";
import type { Command } from "../command.js";
import { progressSink } from "../output.js";
import { withSignals } from "../signals.js";

/** Trains a model, or continues a training. */
export const command: Command = {
  options: Object.keys(allOptions) as OptionName[],
  examples: [
    "train --model pix2pix --dataroot datasets/facades --direction BtoA --name facades",
    "train --model cycle_gan --dataroot datasets/horse2zebra --name horses",
    "train --continue_train --name horses",
  ],
  async run(call, output) {
    const { resolveTraining, resumeCommand, runSession } = await import("../../training/session.js");
    const { percent, progressHooks } = await import("../../training/progress.js");
    const resolved = await resolveTraining(await call.sources());
    for (const warning of resolved.warnings) output.note(`warning: ${warning}`);

    const { nodeServices } = await import("../../training/node.js");
    const progress = progressHooks(progressSink(output), resolved.options.print_freq);
    const { result, stop } = await withSignals(
      ({ name }) => {
        progress.onNotice?.(`${name}: finishing this step and saving; once more ends at once`);
      },
      (signal) => runSession(resolved, nodeServices, { hooks: progress, signal }),
    ).finally(progress.end);

    const { position, finished, checkpoint, losses, waiting } = result;
    if (waiting > 0) output.note(`${percent(waiting)} of the time of the steps was spent waiting for images`);
    if (output.json) {
      output.result(
        JSON.stringify({ step: position.step, finished, checkpoint: checkpoint ?? null, losses, waiting }),
      );
    } else if (finished) {
      output.result(`trained ${position.step} steps${checkpoint === undefined ? "" : `: ${checkpoint}`}`);
    } else if (position.step === 0) {
      output.result("stopped before the first step; nothing was written");
    } else {
      output.result(`stopped after step ${position.step}; continue with: ${resumeCommand(resolved.options)}`);
    }
    return finished ? 0 : stop?.status;
  },
};
