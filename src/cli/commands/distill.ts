import { megabytes } from "../../data/download/space.js";
import type { GeneratorCost } from "../../distillation/compare.js";
import type { DistillReport } from "../../distillation/distill.js";
import { allOptions, type OptionName } from "../../options/schema.js";
import type { Command, CommandOutput } from "../command.js";
import { isOn } from "../flags.js";
import { progressSink } from "../output.js";
import { withSignals } from "../signals.js";

/** What the teacher decides, or what has no meaning here. */
const DECIDED: readonly OptionName[] = ["model", "input_nc", "output_nc", "epoch", "vgg_weights"];

/** Seconds between two lines about the teacher's images. */
const NOTICE_EVERY = 10;

/** Trains a small generator to do what a trained one does. */
export const command: Command = {
  arguments: "<teacher>",
  options: (Object.keys(allOptions) as OptionName[]).filter((name) => !DECIDED.includes(name)),
  flags: [
    {
      name: "eval",
      summary: "the teacher uses running statistics and no dropout, instead of those of training",
    },
  ],
  examples: [
    "distill horses --dataroot datasets/horse2zebra --name horses-small",
    "distill horses --direction BtoA --netG mobile_resnet_6blocks --ngf 24 --name zebras-small",
    "distill horses --continue_train --name horses-small",
  ],
  async run(call, output) {
    const { distill } = await import("../../distillation/distill.js");
    const { progressHooks } = await import("../../training/progress.js");
    const { defaults } = await import("../../options/presets.js");
    const { flags, file } = await call.sources();
    const [teacher] = call.args as [string];
    const progress = progressHooks(progressSink(output), Number(flags?.print_freq ?? defaults.print_freq));
    let told = performance.now();
    const { result: report, stop } = await withSignals(
      ({ name }) => {
        progress.onNotice?.(`${name}: finishing this step and saving; once more ends at once`);
      },
      (signal) =>
        distill(
          teacher,
          { ...file?.values, ...flags },
          {
            ...progress,
            ...{ signal, evaluate: isOn(call, "eval") },
            onTeacherImage: (done, total) => {
              const now = performance.now();
              if (done < total && now - told < 1000 * NOTICE_EVERY) return;
              told = now;
              progress.onNotice?.(`the teacher has translated ${done} of ${total} images`);
            },
          },
        ),
    ).finally(progress.end);
    await print(teacher, report, output);
    return report.finished ? 0 : stop?.status;
  },
};

async function print(teacher: string, report: DistillReport, output: CommandOutput): Promise<void> {
  const { resumeCommand } = await import("../../training/session.js");
  const { options, folder, step, finished, checkpoint, comparison } = report;
  if (output.json) {
    const compared = comparison && { ...comparison, scores: Object.fromEntries(comparison.scores) };
    output.result(
      JSON.stringify({
        folder,
        step,
        finished,
        checkpoint: checkpoint ?? null,
        comparison: compared ?? null,
      }),
    );
    return;
  }
  if (!finished) {
    const resume = resumeCommand(options, ["distill", teacher]);
    output.result(
      step === 0
        ? "stopped before the first step; nothing was kept"
        : `stopped after step ${step}; continue with: ${resume}`,
    );
    return;
  }
  output.result(`trained ${step} steps${checkpoint === undefined ? "" : `: ${checkpoint}`}`);
  if (comparison === undefined) {
    output.result("the data set has no held-out images (test or val) to compare student and teacher on");
  } else {
    for (const line of await compared(comparison)) output.result(line);
  }
}

async function compared({
  images,
  size,
  phase,
  grid,
  scores,
  teacher,
  student,
}: NonNullable<DistillReport["comparison"]>): Promise<string[]> {
  const { formatScores } = await import("../../evaluation/scores.js");
  const { alignColumns } = await import("../../evaluation/report.js");
  const costs = [
    ["", "parameters", "MACs", "ms an image", "file"],
    row("teacher", teacher),
    row("student", student),
  ];
  return [
    "",
    `On ${images} images of phase ${phase}:`,
    "",
    ...formatScores(scores).split("\n"),
    "",
    `At ${size.join("×")}:`,
    "",
    ...alignColumns(costs),
    "",
    `Look at ${grid}.`,
  ];
}

const row = (
  role: string,
  { netG, ngf, parameters, multiplications, milliseconds, bytes }: GeneratorCost,
) => [
  `${role}: ${netG}, ngf ${ngf}`,
  `${(parameters / 1e6).toFixed(2)} M`,
  `${(multiplications / 1e9).toPrecision(3)} G`,
  milliseconds.toPrecision(3),
  megabytes(bytes),
];
