import { counted } from "../../formats/words.js";
import { givenOptions } from "../../options/resolve.js";
import type { OptionName } from "../../options/schema.js";
import { duration } from "../../training/progress.js";
import type { Command } from "../command.js";
import { type InspectedNetwork, type Inspection, inspectModel } from "../inspection.js";
import { describeOnnx } from "../onnx-inspection.js";

/** Tells what a trained model's files hold, and whether they are whole. */
export const command: Command = {
  arguments: "<model>",
  options: ["epoch", "runs_dir"],
  examples: [
    "inspect facades",
    "inspect runs/facades/checkpoints/step-00005000",
    "inspect latest_net_G.pth --json",
    "inspect facades.onnx",
  ],
  async run(call, output) {
    const inspection = await inspectModel(call.args[0]!, givenOptions(await call.sources()));
    if (output.json) output.result(JSON.stringify(inspection));
    else for (const line of report(inspection)) output.result(line);
    const broken = [...inspection.networks, ...(inspection.checkpoint?.files ?? [])];
    return broken.some(({ problem }) => problem !== undefined) ? 1 : 0;
  },
};

function report(inspection: Inspection): string[] {
  const { kind, name, networks, checkpoint, run, onnx } = inspection;
  return [
    `${kind} ${name}${titleOf(inspection)}`,
    ...networks.map(describeNetwork),
    ...(onnx === undefined ? [] : describeOnnx(onnx).map(([title, text]) => line(title, text))),
    ...(checkpoint === undefined ? [] : describeCheckpoint(checkpoint)),
    ...(run === undefined ? [] : describeRun(run)),
    ...describeOptions(inspection),
  ];
}

/** What the first line tells beside kind and name. */
function titleOf({ options, onnx }: Inspection): string {
  if (onnx === undefined) return options === undefined ? "" : `: ${options.model}`;
  const { metadata, producer } = onnx;
  return `: ${metadata.kind ?? "not exported by pixcycle"}, written by ${producer || "an unnamed program"}`;
}

const line = (title: string, text: string): string => `${title.padEnd(12)}${text}`;

function describeNetwork({
  name,
  architecture,
  parameters = 0,
  dropped = 0,
  problem,
}: InspectedNetwork): string {
  if (architecture === undefined) return line(name, problem ?? "");
  const parts = [
    ...(architecture.kind === "generator"
      ? [architecture.netG, `ngf ${architecture.ngf}`, `norm ${architecture.norm}`]
      : [`${architecture.netD} discriminator`, `ndf ${architecture.ndf}`, `norm ${architecture.norm}`]),
    architecture.kind === "generator"
      ? `${architecture.inputChannels} → ${architecture.outputChannels} channels`
      : `${architecture.n_layers_D} layers, ${architecture.inputChannels} channels`,
    ...(architecture.net_style === undefined ? [] : [`style ${architecture.net_style}`]),
    ...(architecture.kind === "generator" && architecture.dropout === true ? ["dropout"] : []),
    ...(architecture.kind === "generator" && architecture.upsample !== "deconv"
      ? [architecture.upsample]
      : []),
    ...(architecture.kind === "generator" && architecture.learn_residual === true ? ["residual"] : []),
    `${parameters.toLocaleString("en")} parameters`,
    ...(dropped > 0 ? [`${dropped} unused tensors`] : []),
  ];
  return line(name, parts.join(", "));
}

function describeCheckpoint({
  path,
  step,
  epoch,
  writer,
  validation,
  recovery,
  files,
}: NonNullable<Inspection["checkpoint"]>): string[] {
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const problems = files.flatMap(({ problem }) => problem ?? []);
  const state = problems.length === 0 ? "all whole" : `${problems.length} damaged`;
  const lines = [
    line("checkpoint", `${path}: step ${step}, in epoch ${epoch}, by pixcycle ${writer}`),
    line("files", `${files.length}, ${(bytes / 2 ** 20).toFixed(1)} MiB, ${state}`),
    ...problems.map((problem) => line("", problem)),
  ];
  if (validation !== undefined) {
    const { best, bestStep, worse } = validation;
    const since = worse === 0 ? "" : `, ${counted(worse, "validation")} ago`;
    lines.push(line("best so far", `${best.toPrecision(4)} at step ${bestStep}${since}`));
  }
  if (recovery !== undefined) {
    const { failedStep, fromStep, rateFactor } = recovery;
    lines.push(
      line("taken back", `from step ${failedStep} to ${fromStep}, and on at ${rateFactor} of the rate`),
    );
  }
  return lines;
}

function describeRun({ checkpoints, best, history }: NonNullable<Inspection["run"]>): string[] {
  const { steps, epoch, seconds, losses, validation } = history;
  const values = Object.entries(losses).map(([name, value]) => `${name} ${value.toPrecision(4)}`);
  const named = checkpoints.map((name) => (name === best ? `${name} (best)` : name));
  return [
    line("checkpoints", named.join(", ")),
    line(
      "history",
      `${counted(steps, "step")}, ${counted(epoch, "epoch")}, ${duration(seconds)} of training`,
    ),
    ...(values.length === 0 ? [] : [line("last losses", values.join("  "))]),
    ...(validation === undefined ? [] : [line("validation", validation.toPrecision(4))]),
  ];
}

function describeOptions({ options, origins }: Inspection): string[] {
  if (options === undefined) return [];
  const names = Object.keys(options) as OptionName[];
  const chosen = names.filter((name) => !["preset", "default"].includes(origins?.[name] ?? "preset"));
  return [
    ...chosen.map((name, i) =>
      line(i === 0 ? "options" : "", `${name} ${options[name]} (${origins![name]})`),
    ),
    line(
      chosen.length === 0 ? "options" : "",
      `the others are those of ${options.preset}; all are in --json`,
    ),
  ];
}
