import { PixcycleError } from "../errors.js";
import { toHalves } from "../formats/half.js";
import { encodeSafetensors } from "../formats/safetensors.js";
import type { FileTensor, TensorMap } from "../formats/tensor.js";
import { toFloatTensor } from "../formats/weights.js";
import { type InferredNetwork, inferNetwork } from "../networks/infer.js";
import { generator } from "../networks/registry.js";
import type { DataOptions, Options } from "../options/schema.js";
import { exportMetadata, exportNetwork, exportParity, type NetworkExport } from "../runtime/export.js";
import { type FoundGenerator, isColorization, readModel } from "./load.js";
import type { FindModelOptions } from "./model-files.js";

/** Which network is exported, and how. */
export interface ExportModelOptions extends FindModelOptions {
  /** Which way, as for a translator; picks net_G_A or net_G_B of a CycleGAN. */
  readonly direction?: DataOptions["direction"];
  /** `colorization` for weights that were trained so, where neither a run nor the file says it. */
  readonly dataset_mode?: DataOptions["dataset_mode"];
  /** Picks a network by its name instead, also a discriminator: `net_G_B`, `net_D`, … */
  readonly network?: string;
  readonly format?: "onnx" | "safetensors";
  /** Use running statistics where a batch norm has them; by default those of the batch, as in training. */
  readonly evaluate?: boolean;
  /** Keep dropout on, with masks that change from run to run; off by default. */
  readonly dropout?: boolean;
  /** Weights, and an ONNX model's computation, in float16. */
  readonly half?: boolean;
  /** Threads of the comparison; 0, the default, uses every core. */
  readonly threads?: number;
  /** Where both are computed for it; default `auto`, the CPU. */
  readonly device?: Options["device"];
}

/** An exported network, and what is known of it. */
export interface ExportedModel {
  readonly bytes: Uint8Array;
  readonly format: "onnx" | "safetensors";
  /** `net_G`, `net_D_A`, … */
  readonly network: string;
  readonly architecture: InferredNetwork["architecture"];
  /** As in the file, with the preprocessing. */
  readonly metadata: Readonly<Record<string, string>>;
  /**
   * ONNX: the largest difference to pixcycle's own result, on random images of three sizes in [−1, 1], without dropout.
   */
  readonly parity?: number;
  /** What the file does otherwise than the model does here, in words. */
  readonly notices: readonly string[];
}

/**
 * A network of a trained model as the content of a file for other programs: an ONNX model for images of any size, or a
 * state dict in safetensors.
 * @param source as for `loadTranslator`
 * @throws PixcycleError as `loadTranslator`; E_OPTION_CONFLICT for what the network or the format does not have;
 *   E_RUNTIME if the ONNX model's result is not a number
 */
export async function exportModel(source: string, options: ExportModelOptions = {}): Promise<ExportedModel> {
  const { network: named, ...finding } = options;
  const found = await readModel(source, { ...finding, ...(named !== undefined && { generator: named }) });
  const inferred = inferNetwork(found.weights, found.path, found.trained);
  const { architecture } = inferred;
  // A file of any name is looked for as a generator; its content decides.
  const name = architecture.kind === "generator" ? found.generator : found.generator.replace("_G", "_D");
  const about = { network: name, architecture };
  const coding = architecture.kind === "generator" && isColorization(found, architecture, options) ? LAB : {};
  const settings: NetworkExport = {
    mode: options.evaluate === true ? "eval" : "train",
    dropout: options.dropout === true,
    half: options.half === true,
    metadata: {
      source: `${found.name}/${name}`,
      ...directionOf(found),
      ...coding,
      ...(found.trained && { image_size: String(found.trained.crop_size) }),
    },
  };
  if (options.format === "safetensors") return { ...about, ...asSafetensors(inferred, settings) };

  const exported = settings.dropout ? withDropout(inferred, found.path) : inferred;
  const bytes = exportNetwork(exported, settings);
  const comparable = settings.dropout ? exportNetwork(exported, { ...settings, dropout: false }) : bytes;
  const { ortModule } = await import("../runtime/node/ort-module.js");
  const parity = await exportParity(comparable, exported, settings.mode, {
    ort: ortModule,
    settings: { threads: options.threads ?? 0, device: options.device ?? "auto" },
  });
  if (Number.isNaN(parity)) {
    throw new PixcycleError("E_RUNTIME", `The exported ${name} does not give numbers.`, {
      hint: settings.half
        ? "Its values exceed float16: export it without --fp16."
        : "Its weights are damaged.",
    });
  }
  const metadata = { ...exportMetadata(exported, settings), ...settings.metadata };
  const notices = noticesOf(found, inferred, settings);
  return { ...about, bytes, format: "onnx", metadata, parity, notices };
}

function asSafetensors(
  { architecture, network, weights }: InferredNetwork,
  settings: NetworkExport,
): Pick<ExportedModel, "bytes" | "format" | "metadata" | "notices"> {
  if (settings.dropout || settings.mode === "eval") {
    const flag = settings.dropout ? "--dropout" : "--eval";
    throw new PixcycleError("E_OPTION_CONFLICT", `${flag} is for ONNX: safetensors hold weights only.`, {
      hint: `Leave ${flag} out, or use --format onnx.`,
    });
  }
  const {
    norm_statistics: _,
    dropout: __,
    ...metadata
  } = {
    ...exportMetadata({ architecture, network, weights }, settings),
    ...settings.metadata,
  };
  const tensors: TensorMap = new Map(
    [...weights].map(([name, tensor]) => [name, settings.half ? halved(tensor) : tensor]),
  );
  return { bytes: encodeSafetensors(tensors, metadata), format: "safetensors", metadata, notices: [] };
}

/** Counters stay whole numbers. */
const halved = (tensor: FileTensor): FileTensor =>
  tensor.dtype === "I64"
    ? tensor
    : { dtype: "F16", shape: tensor.shape, data: toHalves(toFloatTensor(tensor).data) };

/** The same network with its dropout: a U-Net's weights do not tell of it. */
function withDropout(inferred: InferredNetwork, where: string): InferredNetwork {
  const { architecture } = inferred;
  if (architecture.kind === "discriminator" || architecture.dropout === false) {
    throw new PixcycleError("E_OPTION_CONFLICT", `${where} has no dropout.`, {
      hint: "Leave --dropout out.",
    });
  }
  const { inputChannels, outputChannels } = architecture;
  const options = { ...architecture, no_dropout: false };
  return { ...inferred, network: generator("net_G", options, inputChannels, outputChannels) };
}

/** Which way a generator translates, where that is known. */
function directionOf({ generator, trained }: FoundGenerator): { direction?: string } {
  const forward = trained?.direction ?? (generator === "net_G" ? undefined : "AtoB");
  if (forward === undefined || !generator.startsWith("net_G")) return {};
  const backward = forward === "AtoB" ? "BtoA" : "AtoB";
  return { direction: generator === "net_G_B" ? backward : forward };
}

/** What a program needs to know of a generator that finds colours. */
const LAB = {
  dataset_mode: "colorization",
  colours: "CIE L*a*b* of sRGB, D65, 2 degrees: input L / 50 - 1, output a / 110 and b / 110",
};

function noticesOf(
  { trained }: FoundGenerator,
  { architecture }: InferredNetwork,
  { mode, dropout }: NetworkExport,
): string[] {
  const notices: string[] = [];
  if (architecture.kind === "generator" && !dropout && mode === "train") {
    const trainedWith = architecture.dropout ?? (trained === undefined ? undefined : !trained.no_dropout);
    if (trainedWith ?? architecture.norm === "batch") {
      notices.push("dropout is off in the file, unlike in translate without --eval; --dropout keeps it on");
    }
  }
  if (architecture.norm === "batch" && mode === "train") {
    notices.push(
      "batch norms take their statistics from the batch, as in training; --eval uses running ones",
    );
  }
  return notices;
}
