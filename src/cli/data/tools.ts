import { CANNY_DEFAULTS } from "../../data/tools/canny.js";
import { combineFolders, type ToolWatcher } from "../../data/tools/combine.js";
import { drawEdges } from "../../data/tools/edges.js";
import { splitFolder } from "../../data/tools/split.js";
import { givenOptions } from "../../options/resolve.js";
import type { CommandCall, CommandFlag, CommandOutput } from "../command.js";
import { isOn, number, text } from "../flags.js";
import { imageCounter } from "./counter.js";

/** Flags of `data edges` and `data split`. */
export const toolFlags: readonly CommandFlag[] = [
  { name: "sigma", value: "N", summary: `edges: smoothing in pixels (${CANNY_DEFAULTS.sigma})` },
  { name: "low", value: "N", summary: `edges: contrast at which lines go on (${CANNY_DEFAULTS.low})` },
  { name: "high", value: "N", summary: `edges: contrast at which lines begin (${CANNY_DEFAULTS.high})` },
  { name: "val", value: "PART", summary: "split: part of the images for validation (0.1)" },
  { name: "test", value: "PART", summary: "split: part of the images for testing (0.1)" },
  { name: "out", value: "DIR", summary: "split: the new folder (DIR_split)" },
  { name: "unpaired", summary: "split: divide A and B each for itself" },
];

const DEFAULT_PART = 0.1;

/** `combine A B OUT` */
export async function runCombine(
  { args }: CommandCall,
  output: CommandOutput,
  signal: AbortSignal,
): Promise<undefined> {
  const [, A = "", B = "", out = ""] = args;
  const images = await watched(output, signal, (watcher) => combineFolders({ A, B }, out, watcher));
  report(output, { out, images }, `${images} pairs side by side in ${out}`);
}

/** `edges DIR OUT` */
export async function runEdges(
  call: CommandCall,
  output: CommandOutput,
  signal: AbortSignal,
): Promise<undefined> {
  const [, folder = "", out = ""] = call.args;
  const options = {
    sigma: number(call, "sigma", CANNY_DEFAULTS.sigma),
    low: number(call, "low", CANNY_DEFAULTS.low),
    high: number(call, "high", CANNY_DEFAULTS.high),
  };
  const images = await watched(output, signal, (watcher) => drawEdges(folder, out, options, watcher));
  report(
    output,
    { out, images },
    `edges of ${images} images in ${out}; pair them: pixcycle data combine ${out} ${folder} PAIRS`,
  );
}

/** `split DIR` */
export async function runSplit(
  call: CommandCall,
  output: CommandOutput,
  signal: AbortSignal,
): Promise<undefined> {
  const root = (call.args[1] ?? "").replace(/(?<=.)\/+$/, "");
  const out = text(call, "out") ?? `${root}_split`;
  const options = {
    val: number(call, "val", DEFAULT_PART),
    test: number(call, "test", DEFAULT_PART),
    seed: givenOptions(await call.sources()).seed ?? 0,
    unpaired: isOn(call, "unpaired"),
  };
  const counts = await watched(output, signal, (watcher) => splitFolder(root, out, options, watcher));
  const { train, val, test } = counts;
  report(
    output,
    { out, ...counts },
    `${out}: train ${train}, val ${val}, test ${test} (seed ${options.seed})`,
  );
}

async function watched<T>(
  output: CommandOutput,
  signal: AbortSignal,
  work: (watcher: ToolWatcher) => Promise<T>,
): Promise<T> {
  const counter = imageCounter(output, "wrote");
  return work({ onImage: counter.onImage, signal }).finally(counter.end);
}

function report(output: CommandOutput, result: object, line: string): void {
  output.result(output.json ? JSON.stringify(result) : line);
}
