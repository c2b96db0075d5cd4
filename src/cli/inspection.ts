import { readFile } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { PixcycleError } from "../errors.js";
import { decodeSafetensors } from "../formats/safetensors.js";
import type { TensorMap } from "../formats/tensor.js";
import { readTensorFile } from "../formats/tensor-file.js";
import { type InferredNetwork, inferNetwork } from "../networks/infer.js";
import { parameterCount } from "../networks/registry.js";
import type { OnnxSummary } from "../onnx/summary.js";
import type { OptionOrigin } from "../options/resolve.js";
import type { OptionName, Options } from "../options/schema.js";
import { listCheckpoints, readCheckpointFile, readRecord } from "../training/checkpoint.js";
import type { MetricsRecord } from "../training/metrics.js";
import type { Recovery, ValidationState } from "../training/position.js";
import { findCheckpoint, type RunFolder, readRunOptions } from "../training/run-folder.js";
import { type FindModelOptions, findModel, modelName } from "../translation/model-files.js";
import { inspectOnnx } from "./onnx-inspection.js";

/** A network's file and what its weights are; or, as a coded line, why that cannot be told. */
export interface InspectedNetwork {
  readonly name: string;
  readonly file: string;
  readonly architecture?: InferredNetwork["architecture"];
  /** Trained numbers. */
  readonly parameters?: number;
  /** Leftover tensors that are not used. */
  readonly dropped?: number;
  readonly problem?: string;
}

/** Everything that `inspect` tells of a run, a checkpoint, weight files or an ONNX file. */
export interface Inspection {
  readonly kind: "run" | "checkpoint" | "weights" | "onnx";
  readonly name: string;
  readonly networks: readonly InspectedNetwork[];
  readonly checkpoint?: {
    readonly path: string;
    readonly step: number;
    readonly epoch: number;
    readonly writer: string;
    /** What the validations so far have shown, and how the training was taken back, if they did and it was. */
    readonly validation?: ValidationState;
    readonly recovery?: Recovery;
    /** Every file with its size; `problem` where size or digest are not those that were written. */
    readonly files: readonly { readonly name: string; readonly bytes: number; readonly problem?: string }[];
  };
  /** Of an ONNX file, with its size. */
  readonly onnx?: OnnxSummary & { readonly bytes: number };
  readonly options?: Options;
  readonly origins?: Readonly<Partial<Record<OptionName, OptionOrigin>>>;
  readonly run?: {
    readonly checkpoints: readonly string[];
    /** The one with the lowest validation distance; undefined without a validation. */
    readonly best?: string;
    readonly history: History;
  };
}

/** What `metrics.jsonl` tells. */
export interface History {
  readonly steps: number;
  readonly epoch: number;
  /** Seconds of training, waiting for data included. */
  readonly seconds: number;
  readonly losses: Readonly<Record<string, number>>;
  readonly validation?: number;
}

/**
 * Looks at a trained model's files and checks them.
 * @throws PixcycleError E_CHECKPOINT_MISSING; for an ONNX file E_FILE_MISSING, E_FILE_FORMAT; problems of single files of
 *   weights are part of the result
 */
export async function inspectModel(path: string, options: FindModelOptions): Promise<Inspection> {
  if (extname(path) === ".onnx") return inspectOnnx(path);
  const files = await findModel(path, options);
  const name = modelName(files);
  if (files.kind === "weights") {
    const networks: InspectedNetwork[] = [];
    for (const [network, file] of files.networks) {
      networks.push(await inspectNetwork(network, file, async () => (await readTensorFile(file)).tensors));
    }
    return { kind: "weights", name, networks };
  }
  const { options: trained, ...checkpoint } = await inspectCheckpoint(files.checkpoint);
  if (files.kind === "checkpoint") return { kind: "checkpoint", name, ...checkpoint, options: trained };
  const { folder } = files;
  // A run can do without its `config.json`, and need not have a best checkpoint.
  const { options: chosen, origins } = (await unlessRefused(readRunOptions(folder))) ?? { options: trained };
  const best = await unlessRefused(findCheckpoint(folder, "best"));
  const run = {
    checkpoints: await listCheckpoints(folder.checkpoints),
    ...(best && { best: basename(best) }),
    history: await readHistory(folder),
  };
  return { kind: "run", name, ...checkpoint, options: chosen, ...(origins && { origins }), run };
}

/** What was promised, or undefined where that is refused with a coded error. */
async function unlessRefused<T>(promise: Promise<T>): Promise<T | undefined> {
  return promise.catch((error: unknown) => {
    if (error instanceof PixcycleError) return undefined;
    throw error;
  });
}

async function inspectCheckpoint(path: string) {
  const record = await readRecord(path);
  const files: { name: string; bytes: number; problem?: string }[] = [];
  const networks: InspectedNetwork[] = [];
  for (const [name, { bytes }] of Object.entries(record.files)) {
    const content = readCheckpointFile(path, name, record);
    const problem = await problemOf(content);
    files.push({ name, bytes, ...(problem !== undefined && { problem }) });
    if (!name.startsWith("net_")) continue;
    const file = join(path, name);
    networks.push(
      await inspectNetwork(
        basename(name, ".safetensors"),
        file,
        async () => decodeSafetensors(await content, file).tensors,
      ),
    );
  }
  const { step, epoch, validation, recovery } = record.position;
  return {
    checkpoint: {
      ...{ path, step, epoch, writer: record.writer, files },
      ...(validation && { validation }),
      ...(recovery && { recovery }),
    },
    networks,
    options: record.options,
  };
}

async function inspectNetwork(
  name: string,
  file: string,
  read: () => Promise<TensorMap>,
): Promise<InspectedNetwork> {
  try {
    const { architecture, network, dropped } = inferNetwork(await read(), file);
    return { name, file, architecture, parameters: parameterCount(network), dropped: dropped.length };
  } catch (error) {
    if (!(error instanceof PixcycleError)) throw error;
    return { name, file, problem: error.toLine() };
  }
}

async function problemOf(reading: Promise<unknown>): Promise<string | undefined> {
  try {
    await reading;
    return undefined;
  } catch (error) {
    if (error instanceof PixcycleError) return error.toLine();
    throw error;
  }
}

async function readHistory({ metrics }: RunFolder): Promise<History> {
  const text = await readFile(metrics, "utf8").catch(() => "");
  let history: History = { steps: 0, epoch: 0, seconds: 0, losses: {} };
  for (const line of text.split("\n")) {
    const record = parseLine(line);
    if (record === undefined) continue;
    history = {
      ...history,
      steps: record.step,
      epoch: record.epoch,
      seconds: history.seconds + (record.seconds ?? 0) + (record.data_seconds ?? 0),
      ...(record.losses && { losses: record.losses }),
      ...(record.validation !== undefined && { validation: record.validation }),
    };
  }
  return history;
}

/** A process that was killed may leave a line unfinished. */
function parseLine(line: string): MetricsRecord | undefined {
  try {
    return JSON.parse(line) as MetricsRecord;
  } catch {
    return undefined;
  }
}
