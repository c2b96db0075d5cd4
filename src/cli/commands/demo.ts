import { join } from "node:path";
import type { DemoReport } from "../../demo/demo.js";
import { PixcycleError } from "../../errors.js";
import type { Command, CommandCall, CommandOutput } from "../command.js";
import { text } from "../flags.js";
import { progressSink } from "../output.js";
import { withSignals } from "../signals.js";

const PRINT_EVERY = 100;

/** Trains on the built-in icons, shows what came out, and says what can be done with it. */
export const command: Command = {
  options: ["model", "name", "runs_dir", "seed", "max_steps", "device", "threads", "max_memory", "overwrite"],
  flags: [
    {
      name: "time",
      value: "SECONDS",
      summary: "how long the demo may take, however busy the machine is (150)",
    },
  ],
  examples: ["demo", "demo --model cycle_gan", "demo --time 900 --name longer"],
  async run(call, output) {
    const { runDemo } = await import("../../demo/demo.js");
    const { progressHooks } = await import("../../training/progress.js");
    const seconds = secondsOf(call);
    const { flags, file } = await call.sources();
    const given = { ...file?.values, ...flags };
    const progress = progressHooks(progressSink(output), PRINT_EVERY);
    const { result: report, stop } = await withSignals(
      ({ name }) => {
        progress.onNotice?.(`${name}: finishing this step and saving; once more ends at once`);
      },
      (signal) =>
        runDemo({
          ...{ given, hooks: progress, signal },
          ...(seconds === undefined ? {} : { seconds }),
        }),
    ).finally(progress.end);
    await print(report, output);
    return report.results === undefined ? stop?.status : 0;
  },
};

function secondsOf(call: CommandCall): number | undefined {
  const written = text(call, "time");
  if (written === undefined) return undefined;
  const seconds = Number(written);
  if (seconds > 0 && Number.isFinite(seconds)) return seconds;
  throw new PixcycleError("E_OPTION", `--time expects seconds above 0, got "${written}".`);
}

async function print({ options, run, step, results }: DemoReport, output: CommandOutput): Promise<void> {
  const { resumeCommand } = await import("../../training/session.js");
  const { formatScores } = await import("../../evaluation/scores.js");
  if (output.json) {
    const scores = results === undefined ? null : Object.fromEntries(results.scores);
    output.result(JSON.stringify({ run, step, grid: results?.grid ?? null, scores }));
    return;
  }
  if (results === undefined) {
    output.result(
      step === 0
        ? "stopped before the first step; nothing was kept"
        : `stopped after step ${step}; continue with: ${resumeCommand(options)}`,
    );
    return;
  }
  const more = `--max_steps ${2 * step} --n_epochs_decay ${2 * options.n_epochs_decay + options.n_epochs}`;
  const lines = [
    "",
    `On 32 icons that it has never seen, after ${step} steps:`,
    "",
    formatScores(results.scores),
    "",
    `Look at ${results.grid}: input | output | truth. Then:`,
    "",
    "  translate an icon of your own",
    `    pixcycle translate ${run} icon.png --preprocess resize_and_crop`,
    "  translate the held-out icons, with a page to look at",
    `    pixcycle translate ${run} ${join(run, "data", "testA")}`,
    "  train it as long again",
    `    ${resumeCommand(options)} ${more}`,
    "  see what it is made of",
    `    pixcycle inspect ${run}`,
  ];
  for (const line of lines) output.result(line);
}
