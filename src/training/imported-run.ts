import { basename, dirname, join } from "node:path";
import { PixcycleError } from "../errors.js";
import type { TensorMap } from "../formats/tensor.js";
import type { GeneratorArchitecture, InferredNetwork } from "../networks/infer.js";
import { type OptionValues, type ResolvedOptions, resolveOptions } from "../options/resolve.js";
import type { ModelName, Options } from "../options/schema.js";
import { createRunner } from "../runtime/node/create.js";
import { saveCheckpoint } from "./checkpoint.js";
import { startPosition } from "./position.js";
import { beginRun, checkRunFolder, runFolder, writeLatest } from "./run-folder.js";

/** The networks that a training of each model needs. */
const NETWORKS: Readonly<Record<ModelName, readonly string[]>> = {
  pix2pix: ["net_G", "net_D"],
  cycle_gan: ["net_G_A", "net_G_B", "net_D_A", "net_D_B"],
};

type Networks = ReadonlyMap<string, InferredNetwork>;

/** The model whose networks these are, or undefined if one is missing for training it. */
export function trainableModel(networks: Networks): ModelName | undefined {
  const models = Object.keys(NETWORKS) as ModelName[];
  return models.find((model) => NETWORKS[model].every((name) => networks.has(name)));
}

/**
 * Writes networks as the run `path` at step 0, with fresh moments and empty pools, to be translated with, exported and
 * trained further.
 * @param given options that the weights do not tell
 * @returns the run's options and the checkpoint's path
 * @throws PixcycleError E_OPTION_CONFLICT for a run that exists, E_CHECKPOINT_MISMATCH for networks that are not of one model
 */
export async function writeImportedRun(
  path: string,
  model: ModelName,
  networks: Networks,
  given: OptionValues,
): Promise<{ options: Options; checkpoint: string }> {
  const resolved = runOptions(path, model, networks, given);
  const { options } = resolved;
  const folder = runFolder(options);
  await checkRunFolder(folder, options).catch((error: unknown) => {
    if (!(error instanceof PixcycleError) || error.code !== "E_OPTION_CONFLICT") throw error;
    const hint = "Replace it with --overwrite, or choose another --out.";
    throw new PixcycleError(error.code, error.message, { hint, cause: error });
  });
  const state = await modelState(options, networks);
  await beginRun(folder, resolved);
  const position = startPosition(options, 1);
  const checkpoint = await saveCheckpoint(folder.checkpoints, state, { kept: true, position, options });
  await writeLatest(folder, checkpoint);
  return { options, checkpoint };
}

/** The options that make these networks; what weights do not tell is the preset's. */
function runOptions(
  path: string,
  model: ModelName,
  networks: Networks,
  given: OptionValues,
): ResolvedOptions {
  const [generatorName, discriminatorName] =
    model === "pix2pix" ? ["net_G", "net_D"] : ["net_G_A", "net_D_A"];
  const generator = networks.get(generatorName!)!.architecture;
  const discriminator = networks.get(discriminatorName!)!.architecture;
  if (generator.kind !== "generator" || discriminator.kind !== "discriminator") {
    const [wrong, is] =
      generator.kind === "generator" ? [discriminatorName, "generator"] : [generatorName, "discriminator"];
    throw new PixcycleError("E_CHECKPOINT_MISMATCH", `The weights of ${wrong} are those of a ${is}.`, {
      hint: "Check the names of the files.",
    });
  }
  const { kind: _, inputChannels, outputChannels, dropout, ...generatorOptions } = generator;
  const { kind: __, inputChannels: ___, ...discriminatorOptions } = discriminator;
  return resolveOptions({
    flags: {
      ...{ model, ...discriminatorOptions, ...generatorOptions },
      ...presetOf(model, generator),
      ...{ input_nc: inputChannels, output_nc: outputChannels },
      ...(dropout !== undefined && { no_dropout: !dropout }),
      dataroot: join("datasets", basename(path)),
      ...given,
      ...{ runs_dir: dirname(path), name: basename(path) },
    },
  });
}

/** The preset that an architecture is of, where it is not the model's own. */
function presetOf(
  model: ModelName,
  { net_style, netG }: GeneratorArchitecture,
): Partial<Pick<Options, "preset">> {
  if (net_style === "tf") return { preset: model === "pix2pix" ? "tf-pix2pix" : "tf-cyclegan" };
  return netG === "vgg16_unet" && model === "cycle_gan" ? { preset: "vgg-cyclegan" } : {};
}

/** The whole state of a training that begins with the networks' weights. */
async function modelState(options: Options, networks: Networks): Promise<TensorMap> {
  const runner = createRunner(options, {
    threads: options.threads,
    device: options.device,
    conv: options.conv,
  });
  try {
    for (const name of NETWORKS[options.model]) {
      await runner.loadNetwork(name, networks.get(name)!.weights).catch((error: unknown) => {
        if (!(error instanceof PixcycleError)) throw error;
        const { code, message, hint } = error;
        throw new PixcycleError(code, `${name}: ${message}`, { ...(hint && { hint }), cause: error });
      });
    }
    return await runner.saveState();
  } finally {
    await runner.close();
  }
}
