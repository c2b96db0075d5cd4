import { readFile } from "node:fs/promises";
import { basename, extname } from "node:path";
import { PixcycleError } from "../errors.js";
import type { GeneratorArchitecture } from "../networks/infer.js";
import { generator } from "../networks/registry.js";
import type { DataOptions } from "../options/schema.js";
import { readFacts } from "../runtime/exported.js";
import { createExportedGenerator } from "../runtime/node/create.js";
import { requireDevice } from "../runtime/node/require-device.js";
import type { TranslatorOptions } from "./load.js";
import { completePreparation } from "./prepare.js";
import { Translator } from "./translator.js";

/**
 * Loads a generator that was exported to ONNX, by `pixcycle export` or in a page.
 * @throws PixcycleError E_FILE_MISSING, E_FILE_FORMAT for what is no such file; E_OPTION_CONFLICT for options that were
 *   decided when it was exported
 */
export async function loadExported(path: string, options: TranslatorOptions): Promise<Translator> {
  const bytes = await readFile(path).catch((cause: Error) => {
    throw new PixcycleError("E_FILE_MISSING", `${path} cannot be read: ${cause.message}.`, { cause });
  });
  const { metadata } = readFacts(bytes, path);
  refuseDecided(path, options);
  const architecture = JSON.parse(metadata.options!) as GeneratorArchitecture;
  const dropout = metadata.dropout === "on";
  const { inputChannels, outputChannels } = architecture;
  const network = generator(
    "net_G",
    { ...architecture, no_dropout: !dropout },
    inputChannels,
    outputChannels,
  );
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

function refuseDecided(path: string, options: TranslatorOptions): void {
  const decided = (["evaluate", "no_dropout"] as const).find((name) => options[name]);
  if (decided === undefined) return;
  const option = decided === "evaluate" ? "--eval" : "--no_dropout";
  throw new PixcycleError("E_OPTION_CONFLICT", `What ${option} says was decided when ${path} was exported.`, {
    hint: `Leave it out, or export the model again with pixcycle export.`,
  });
}
