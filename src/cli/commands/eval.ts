import { access } from "node:fs/promises";
import { join } from "node:path";
import { PixcycleError } from "../../errors.js";
import { openFeatures, rangeOf } from "../../evaluation/features.js";
import { reportPage } from "../../evaluation/page.js";
import { formatReport } from "../../evaluation/report.js";
import { readPalette } from "../../evaluation/segmentation.js";
import { fileWriteError, writeFileAtomic } from "../../formats/atomic.js";
import { makeFolder } from "../../formats/make-folder.js";
import { defaults } from "../../options/presets.js";
import { givenOptions, type OptionValues } from "../../options/resolve.js";
import type { Command, CommandCall } from "../command.js";
import { type EvaluationOutcome, runEvaluation } from "../evaluation/run.js";
import { openSource } from "../evaluation/source.js";
import { isOn, text, wholeNumber } from "../flags.js";

/** Scores a model, or a folder of outputs, on a test set. */
export const command: Command = {
  arguments: "<model>",
  options: [
    ...(["dataroot", "phase", "direction", "dataset_mode", "preprocess", "load_size", "crop_size"] as const),
    ...(["no_dropout", "epoch", "runs_dir", "threads", "seed"] as const),
  ],
  flags: [
    { name: "aligned_truth", summary: "score an unpaired model against truth of equal names" },
    { name: "eval", summary: "use running statistics and no dropout, instead of those of training" },
    { name: "fit", value: "PHASE", summary: "pairs that the colour regression is fitted on (train)" },
    { name: "features", value: "FILE", summary: "ONNX feature extractor, for KID and the Fréchet distance" },
    { name: "features_size", value: "N", summary: "side of its images (as the file says)" },
    {
      name: "features_range",
      value: "B,W",
      summary: "its values for black and white (as the file says, or -1,1)",
    },
    { name: "palette", value: "FILE", summary: "JSON of class colours: score label maps" },
    {
      name: "out",
      value: "DIR",
      summary: "write report.json and index.html, with the worst and best images",
    },
    { name: "overwrite", summary: "replace an earlier report in the folder" },
  ],
  examples: [
    "eval facades --dataroot datasets/facades",
    "eval horses --dataroot datasets/horse2zebra --features mixed5.onnx --direction BtoA",
    "eval results/facades --dataroot datasets/facades --out report",
    "eval labels --dataroot datasets/cityscapes --palette classes.json --json",
  ],
  async run(call, output) {
    const given = givenOptions(await call.sources());
    if (given.dataroot === undefined) {
      throw new PixcycleError("E_OPTION", "No data set is given.", {
        hint: "Give its folder with --dataroot.",
      });
    }
    const out = text(call, "out");
    if (out !== undefined) await checkOutput(out, isOn(call, "overwrite"));
    const outcome = await evaluateCall(call, { ...given, dataroot: given.dataroot }, (done, total, name) =>
      output.note(`${done}/${total} ${name}`),
    );
    if (out !== undefined) await writeReport(out, outcome);
    if (output.json) output.result(JSON.stringify(outcome.report));
    else for (const line of formatReport(outcome.report)) output.result(line);
    if (out !== undefined) output.note(join(out, "index.html"));
    return 0;
  },
};

async function evaluateCall(
  call: CommandCall,
  given: OptionValues & { dataroot: string },
  onImage: (done: number, total: number, name: string) => void,
): Promise<EvaluationOutcome> {
  const { dataset_mode: mode, ...rest } = given;
  const classes = text(call, "palette");
  const palette = classes === undefined ? undefined : await readPalette(classes);
  const features = await featuresOf(call, given.threads ?? defaults.threads);
  try {
    const source = await openSource(call.args[0]!, {
      ...rest,
      ...(mode === "colorization" && { dataset_mode: mode }),
      evaluate: isOn(call, "eval"),
    });
    try {
      const known = source.colorization ? "colorization" : source.paired === false ? "unaligned" : "aligned";
      const dataset_mode = isOn(call, "aligned_truth") ? "aligned" : (mode ?? known);
      const { direction } = source;
      const phase = given.phase ?? "test";
      const data = { dataroot: given.dataroot, phase, direction, dataset_mode };
      const fitPhase = text(call, "fit") ?? "train";
      const seed = given.seed ?? defaults.seed;
      return await runEvaluation({ source, data, fitPhase, features, palette, seed, onImage });
    } finally {
      await source.close();
    }
  } finally {
    await features?.close();
  }
}

async function featuresOf(call: CommandCall, threads: number) {
  const [file, written] = [text(call, "features"), text(call, "features_range")];
  if (file === undefined) return undefined;
  const range = written === undefined ? undefined : rangeOf(written);
  if (written !== undefined && range === undefined) {
    throw new PixcycleError(
      "E_OPTION",
      `--features_range expects two numbers such as 0,255, got "${written}".`,
    );
  }
  const size = text(call, "features_size") === undefined ? undefined : wholeNumber(call, "features_size", 1);
  return openFeatures(file, { ...(size && { size }), ...(range && { range }) }, threads);
}

const FILES = ["index.html", "report.json"] as const;

async function checkOutput(out: string, overwrite: boolean): Promise<void> {
  try {
    await makeFolder(out);
  } catch (cause) {
    throw fileWriteError(out, cause);
  }
  for (const path of overwrite ? [] : FILES.map((name) => join(out, name))) {
    const exists = await access(path).then(
      () => true,
      () => false,
    );
    if (!exists) continue;
    throw new PixcycleError("E_OPTION_CONFLICT", `${path} exists.`, {
      hint: "Choose another --out, or replace the earlier report with --overwrite.",
    });
  }
}

async function writeReport(out: string, { report, evaluation }: EvaluationOutcome): Promise<void> {
  await writeFileAtomic(join(out, "report.json"), `${JSON.stringify(report, undefined, 2)}\n`);
  await writeFileAtomic(join(out, "index.html"), await reportPage(report, evaluation));
}
