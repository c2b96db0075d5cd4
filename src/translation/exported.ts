import { readFile } from "node:fs/promises";
import { basename, extname } from "node:path";
import { PixcycleError } from "../errors.js";
import type { InferredNetwork } from "../networks/infer.js";
import { describeNetwork, discriminator, generator, type Network } from "../networks/registry.js";
import type { DataOptions } from "../options/schema.js";
import { type GeneratorFacts, readFacts } from "../runtime/exported.js";
import { createExportedGenerator } from "../runtime/node/create.js";
import { requireDevice } from "../runtime/node/require-device.js";
import { version } from "../version.js";
import type { TranslatorOptions } from "./load.js";
import { completePreparation } from "./prepare.js";
import { Translator } from "./translator.js";

/**
 * Loads a generator that was exported to ONNX, by `pixcycle export` or in a page.
 * @throws PixcycleError E_FILE_MISSING, E_FILE_FORMAT for what is no such file; E_OPTION_CONFLICT for options that were
 *   decided when it was exported
 */
export async function loadExported(path: string, options: TranslatorOptions): Promise<Translator> {
  const bytes = await readOnnxFile(path);
  const { metadata } = readFacts(bytes, path);
  refuseDecided(path, options);
  const { network, architecture } = exportedNetwork("net_G", metadata, path);
  if (architecture.kind !== "generator") throw strange(path);
  const dropout = metadata.dropout === "on";
  const { threads = 0, device = "auto" } = options;
  await requireDevice(device);
  const info = {
    ...{ name: basename(path, extname(path)), weights: path, generator: "net_G", architecture, dropout },
    evaluate: metadata.norm_statistics === "running",
    preparation: completePreparation(options),
    direction: options.direction ?? (metadata.direction as DataOptions["direction"] | undefined) ?? "AtoB",
    pairs: options.dataset_mode === "aligned",
    colorization: metadata.dataset_mode === "colorization",
    inputName: "real_A",
    outputName: "fake_B",
  } as const;
  return new Translator(info, network, createExportedGenerator(bytes, { threads, device }));
}

/** @throws PixcycleError E_FILE_MISSING */
export function readOnnxFile(path: string): Promise<Uint8Array> {
  return readFile(path).catch((cause: Error) => {
    throw new PixcycleError("E_FILE_MISSING", `${path} cannot be read: ${cause.message}.`, {
      hint: "Check the path.",
      cause,
    });
  });
}

/**
 * The network that an exported file says it is.
 * @param name what the network is called
 * @throws PixcycleError E_FILE_FORMAT for metadata that pixcycle did not write, or a later version did
 */
export function exportedNetwork(
  name: string,
  metadata: GeneratorFacts["metadata"],
  where: string,
): Pick<InferredNetwork, "architecture" | "network"> {
  try {
    const architecture = JSON.parse(metadata.options ?? "") as InferredNetwork["architecture"];
    const network = networkOf(name, architecture, metadata.dropout === "on");
    describeNetwork(network);
    return { architecture, network };
  } catch (cause) {
    throw strange(where, cause);
  }
}

function networkOf(name: string, architecture: InferredNetwork["architecture"], dropout: boolean): Network {
  if (architecture.kind === "discriminator") {
    return discriminator(name, architecture, architecture.inputChannels);
  }
  const { inputChannels, outputChannels } = architecture;
  return generator(name, { ...architecture, no_dropout: !dropout }, inputChannels, outputChannels);
}

const strange = (where: string, cause?: unknown): PixcycleError =>
  new PixcycleError("E_FILE_FORMAT", `${where} says of itself what pixcycle ${version} does not know.`, {
    hint: "Export it again, or use the version that wrote it.",
    cause,
  });

function refuseDecided(path: string, options: TranslatorOptions): void {
  const decided = (["evaluate", "no_dropout"] as const).find((name) => options[name]);
  if (decided === undefined) return;
  const option = decided === "evaluate" ? "--eval" : "--no_dropout";
  throw new PixcycleError("E_OPTION_CONFLICT", `What ${option} says was decided when ${path} was exported.`, {
    hint: `Leave it out, or export the model again with pixcycle export.`,
  });
}
