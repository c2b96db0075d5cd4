import { extname, join } from "node:path";
import { PixcycleError } from "../errors.js";
import { decodeSafetensors } from "../formats/safetensors.js";
import type { TensorMap } from "../formats/tensor.js";
import { readTensorFile } from "../formats/tensor-file.js";
import { type GeneratorArchitecture, inferGenerator } from "../networks/infer.js";
import { colorization as channels } from "../options/conflicts.js";
import type { DataOptions, Options } from "../options/schema.js";
import { createGenerator } from "../runtime/node/create.js";
import { requireDevice } from "../runtime/node/require-device.js";
import { readCheckpointFile, readRecord, wholeCheckpoints } from "../training/checkpoint.js";
import type { RunFolder } from "../training/run-folder.js";
import { loadExported } from "./exported.js";
import { type FindModelOptions, findModel, modelName } from "./model-files.js";
import { completePreparation, type Preparation } from "./prepare.js";
import { Translator } from "./translator.js";

/** Weights by state-dict name, instead of a path. */
export interface GeneratorWeights {
  readonly weights: TensorMap;
  /** What messages and results call it; `generator` if left out. */
  readonly name?: string;
}

/** Which generator of a model is loaded, and how it translates. */
export interface TranslatorOptions extends FindModelOptions, Partial<Preparation> {
  /** Which way, as in the data set; picks net_G_A or net_G_B of a CycleGAN. By default the way it was trained. */
  readonly direction?: DataOptions["direction"];
  /**
   * With `aligned`, images hold both sides of a pair, and the input's side is translated; with `colorization`, the
   * model finds the colours of images. Default: what the run or the file says, else `single`.
   */
  readonly dataset_mode?: DataOptions["dataset_mode"];
  /** `net_G`, `net_G_A` or `net_G_B`: picks by name instead. */
  readonly generator?: string;
  /** Use running statistics and no dropout; default false, as in training and in the reference's test. */
  readonly evaluate?: boolean;
  /**
   * Whether a U-Net or mobile ResNet was trained without dropout, which only its run knows. By default a bare weight file with batch
   * norm is taken for pix2pix's, with dropout, and one without for CycleGAN's.
   */
  readonly no_dropout?: boolean;
  /** Threads of the computation; 0, the default, uses every core. */
  readonly threads?: number;
  /** Where it computes; default `auto`, the CPU. */
  readonly device?: Options["device"];
  /** Decides the dropout masks; default 0. */
  readonly seed?: number;
}

/**
 * Loads a trained generator, to translate images with it: the architecture is read from the weights.
 *
 * ```ts
 * const translator = await loadTranslator("runs/facades");
 * const image = await translator.translate("label.png");
 * await writeFile("photo.png", await encodeImage(image, "png"));
 * await translator.close();
 * ```
 *
 * @param source a run's folder, or its name in `runs`; a checkpoint's folder; a folder with files such as
 *   `latest_net_G.pth`; a `.safetensors` or `.pth` file; an `.onnx` file that pixcycle exported; or weights
 * @throws PixcycleError E_CHECKPOINT_MISSING, E_CHECKPOINT_CORRUPT, E_CHECKPOINT_MISMATCH for what is no generator,
 *   E_FILE_FORMAT, E_PICKLE_FORBIDDEN, E_OPTION_CONFLICT for a direction that the model does not have, E_DEVICE
 */
export async function loadTranslator(
  source: string | GeneratorWeights,
  options: TranslatorOptions = {},
): Promise<Translator> {
  if (typeof source === "string" && extname(source) === ".onnx") return loadExported(source, options);
  const found = typeof source === "string" ? await readModel(source, options) : givenWeights(source);
  const { architecture, network, weights } = inferGenerator(found.weights, found.path, found.trained);
  const { evaluate = false, seed = 0, threads = 0, device = "auto" } = options;
  await requireDevice(device);
  checkDropout(found.path, architecture, options);
  const trainedWithDropout =
    options.no_dropout === undefined
      ? (architecture.dropout ?? (found.trained ? !found.trained.no_dropout : architecture.norm === "batch"))
      : !options.no_dropout;
  const { inputChannels, outputChannels } = architecture;
  const colorization = isColorization(found, architecture, options);
  const runner = createGenerator(
    {
      options: { ...architecture, no_dropout: !trainedWithDropout },
      ...{ inputChannels, outputChannels, weights, seed },
    },
    { threads, device },
    // Weights that were read here are of no further use here; a caller's own stay whole.
    typeof source === "string",
  );
  const backwards = found.generator === "net_G_B";
  const info = {
    ...{ name: found.name, weights: found.path, generator: found.generator, architecture, evaluate },
    dropout: trainedWithDropout && !evaluate,
    preparation: completePreparation(options, found.trained),
    direction: options.direction ?? directionOf(found),
    pairs: options.dataset_mode === "aligned",
    colorization,
    inputName: backwards ? "real_B" : "real_A",
    outputName: backwards ? "fake_A" : "fake_B",
  } as const;
  return new Translator(info, network, runner);
}

/** A ResNet's layers are numbered with its dropout: its weights run with what they were trained with, or with `evaluate`. */
function checkDropout(
  path: string,
  { dropout }: Pick<GeneratorArchitecture, "dropout">,
  { no_dropout }: TranslatorOptions,
): void {
  if (dropout === undefined || no_dropout === undefined || dropout === !no_dropout) return;
  throw new PixcycleError("E_OPTION_CONFLICT", `${path} was trained with${dropout ? "" : "out"} dropout.`, {
    hint: dropout ? "Use --eval to turn it off." : "Leave --dropout out.",
  });
}

/**
 * Whether a generator finds colours: the caller says it, or the run or the file knows.
 * @throws PixcycleError E_OPTION_CONFLICT for one of other channels, and for pairs
 */
export function isColorization(
  found: Pick<FoundGenerator, "path" | "colorization">,
  { inputChannels, outputChannels }: Pick<GeneratorArchitecture, "inputChannels" | "outputChannels">,
  { dataset_mode }: Pick<TranslatorOptions, "dataset_mode">,
): boolean {
  if (dataset_mode !== "colorization" && !found.colorization) return false;
  if (dataset_mode === "aligned") {
    throw new PixcycleError("E_OPTION_CONFLICT", `${found.path} finds colours: it knows no pairs.`, {
      hint: "Leave --dataset_mode out, and give it images.",
    });
  }
  if (inputChannels === channels.input_nc && outputChannels === channels.output_nc) return true;
  throw new PixcycleError(
    "E_OPTION_CONFLICT",
    `dataset_mode colorization needs a generator from 1 channel to 2, ${found.path} goes from ${inputChannels} to ${outputChannels}.`,
    { hint: "Leave --dataset_mode out: it is of another model." },
  );
}

/** Which way a generator translates, in terms of the sides of its data set. */
export function directionOf({
  generator,
  trained,
}: Pick<FoundGenerator, "generator" | "trained">): DataOptions["direction"] {
  const forward = trained?.direction ?? "AtoB";
  if (generator !== "net_G_B") return forward;
  return forward === "AtoB" ? "BtoA" : "AtoB";
}

/** The weights of a network of a trained model. */
export interface FoundGenerator {
  readonly name: string;
  readonly generator: string;
  readonly path: string;
  readonly weights: TensorMap;
  /** The options of its training, where they are known. */
  readonly trained: Options | undefined;
  /** Whether its training, or its file, was of `dataset_mode colorization`. */
  readonly colorization: boolean;
}

const givenWeights = ({ weights, name = "generator" }: GeneratorWeights): FoundGenerator => ({
  ...{ name, path: name, weights, generator: "net_G", trained: undefined, colorization: false },
});

/**
 * Reads a network of a trained model: a generator, chosen as for `loadTranslator`, or any other by its name.
 * @throws PixcycleError as `loadTranslator`
 */
export async function readModel(source: string, options: TranslatorOptions): Promise<FoundGenerator> {
  const files = await findModel(source, options);
  const name = modelName(files);
  if (files.kind === "weights") {
    const generator = chooseGenerator([...files.networks.keys()], source, options, undefined);
    const path = files.networks.get(generator)!;
    const { tensors: weights, metadata } = await readTensorFile(path);
    const colorization = metadata.dataset_mode === "colorization";
    return { name, generator, path, weights, trained: undefined, colorization };
  }
  try {
    return { name, ...(await readFromCheckpoint(files.checkpoint, source, options)) };
  } catch (error) {
    const isCorrupt = error instanceof PixcycleError && error.code === "E_CHECKPOINT_CORRUPT";
    throw isCorrupt && files.kind === "run" ? await withOthers(error, files.folder) : error;
  }
}

async function readFromCheckpoint(
  checkpoint: string,
  source: string,
  options: TranslatorOptions,
): Promise<Omit<FoundGenerator, "name">> {
  const record = await readRecord(checkpoint);
  const networks = Object.keys(record.files).map((file) => file.replace(/\.safetensors$/, ""));
  const generator = chooseGenerator(networks, source, options, record.options.direction);
  const file = `${generator}.safetensors`;
  const path = join(checkpoint, file);
  const { tensors } = decodeSafetensors(await readCheckpointFile(checkpoint, file, record), path);
  const colorization = record.options.dataset_mode === "colorization";
  return { generator, path, weights: tensors, trained: record.options, colorization };
}

async function withOthers(error: PixcycleError, folder: RunFolder): Promise<PixcycleError> {
  const whole = await wholeCheckpoints(folder.checkpoints);
  const hint =
    whole.length === 0 ? "The run has no other." : `Whole: ${whole.join(", ")}. Choose with --epoch.`;
  return new PixcycleError(error.code, error.message, { hint, cause: error });
}

/** Picks a generator by name or by direction. A model trained BtoA has side B as its domain A, as in the reference. */
function chooseGenerator(
  networks: readonly string[],
  source: string,
  { generator, direction }: TranslatorOptions,
  trained: DataOptions["direction"] | undefined,
): string {
  const generators = networks.filter((name) => name.startsWith("net_G"));
  const there = `${source} has ${generators.join(", ") || "no generator"}`;
  const missing = (wanted: string) =>
    new PixcycleError("E_CHECKPOINT_MISSING", `${there}, not ${wanted}.`, {
      hint: "Translation needs net_G, net_G_A or net_G_B.",
    });
  if (generator !== undefined) {
    // Named, it may be a discriminator: what needs a generator refuses it by its weights.
    if (networks.includes(generator) && generator.startsWith("net_")) return generator;
    throw missing(generator);
  }
  const forward = (direction ?? trained ?? "AtoB") === (trained ?? "AtoB");
  const wanted = forward ? "net_G_A" : "net_G_B";
  if (generators.includes(wanted)) return wanted;
  if (generators.includes("net_G")) {
    if (forward || trained === undefined) return "net_G";
    throw new PixcycleError("E_OPTION_CONFLICT", `${source} translates ${trained} only.`, {
      hint: `Leave --direction out, or train another model with --direction ${direction}.`,
    });
  }
  const [only] = generators;
  if (only !== undefined && direction === undefined) return only;
  throw missing(wanted);
}
