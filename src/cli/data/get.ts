import {
  dataSets,
  findRemote,
  fullName,
  pretrainedModels,
  type RemoteFile,
} from "../../data/download/catalogue.js";
import { type GetOptions, type GetResult, getDataSet, getModel } from "../../data/download/get.js";
import { downloadProgress } from "../../data/download/progress.js";
import { megabytes } from "../../data/download/space.js";
import { counted } from "../../formats/words.js";
import type { CommandCall, CommandFlag, CommandOutput } from "../command.js";
import { isOn, text } from "../flags.js";
import { progressSink } from "../output.js";

/** Flags of `data get` and `model get`. */
export const getFlags: readonly CommandFlag[] = [
  { name: "dir", value: "DIR", summary: "get: folder to put it in" },
  { name: "mirror", value: "URL", summary: "get: other hosts to try first, separated by commas" },
];

/** Fetches a data set by name, and says how to train on it. */
export async function runGetData(
  call: CommandCall,
  output: CommandOutput,
  signal: AbortSignal,
): Promise<undefined> {
  const file = findRemote(call.args[1] ?? "", dataSets);
  const result = await watched(call, output, signal, "datasets", (options) => getDataSet(file, options));
  const leftOut = result.leftOut ? `, ${counted(result.leftOut, "other file")} left out` : "";
  const state = result.fetched ? "is ready" : "is there already";
  const model = file.collection === "pix2pix" ? "pix2pix" : "cycle_gan";
  const direction = file.collection === "pix2pix" && file.name === "facades" ? " --direction BtoA" : "";
  print(output, result, [
    `${result.path} ${state}: ${counted(result.images ?? 0, "image")}${leftOut} (${file.note})`,
    ...(result.archive === undefined ? [] : [`the archive is kept: ${result.archive}`]),
    `look into it: pixcycle data check ${result.path}`,
    `train on it:  pixcycle train --model ${model} --dataroot ${result.path}${direction}`,
  ]);
}

/** Fetches a pretrained generator by name. */
export async function runGetModel(
  call: CommandCall,
  output: CommandOutput,
  signal: AbortSignal,
): Promise<undefined> {
  const file = findRemote(call.args[1] ?? "", pretrainedModels);
  const result = await watched(call, output, signal, "models", (options) => getModel(file, options));
  const state = result.fetched ? "is ready" : "is there already, unchanged";
  print(output, result, [
    `${result.path} ${state} (${file.note})`,
    `look into it: pixcycle inspect ${result.path}`,
    `use it:       pixcycle translate ${result.path} photos/`,
  ]);
}

/** Prints what can be fetched. */
export function listRemote(catalogue: readonly RemoteFile[], output: CommandOutput): undefined {
  const lines = catalogue.map((file) => {
    const size = file.bytes === undefined ? "" : megabytes(file.bytes);
    return `${fullName(file, catalogue).padEnd(30)} ${size.padStart(8)}  ${file.note}`;
  });
  print(output, catalogue, lines);
}

function print(output: CommandOutput, result: unknown, lines: readonly string[]): void {
  for (const line of output.json ? [JSON.stringify(result)] : lines) output.result(line);
}

async function watched(
  call: CommandCall,
  output: CommandOutput,
  signal: AbortSignal,
  dir: string,
  work: (options: GetOptions) => Promise<GetResult>,
): Promise<GetResult> {
  const mirror = text(call, "mirror");
  const progress = downloadProgress(progressSink(output));
  const options: GetOptions = {
    dir: text(call, "dir") ?? dir,
    ...(mirror !== undefined && { mirror }),
    keepArchive: isOn(call, "keep_archive"),
    watcher: progress,
    signal,
  };
  return work(options).finally(progress.end);
}
