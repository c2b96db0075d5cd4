import { PixcycleError } from "../errors.js";
import type { GeneratorArchitecture, InferredNetwork } from "../networks/infer.js";
import { type OptionValues, type ResolvedOptions, resolveOptions } from "../options/resolve.js";
import type { ModelName, Options } from "../options/schema.js";
import type { ModelRunner } from "../runtime/runner.js";

/** The networks that a training of each model needs. */
const NETWORKS: Readonly<Record<ModelName, readonly string[]>> = {
  pix2pix: ["net_G", "net_D"],
  cycle_gan: ["net_G_A", "net_G_B", "net_D_A", "net_D_B"],
};

/** Networks by their names in a model. */
export type Networks = ReadonlyMap<string, InferredNetwork>;

/** The model whose networks these are, or undefined if one is missing for training it. */
export function trainableModel(networks: Networks): ModelName | undefined {
  const models = Object.keys(NETWORKS) as ModelName[];
  return models.find((model) => NETWORKS[model].every((name) => networks.has(name)));
}

/**
 * The options that make these networks; what their weights do not tell is given, or the preset's. The model's
 * discriminators may be left out: a training then begins with new ones.
 * @throws PixcycleError E_CHECKPOINT_MISMATCH for networks under the wrong name, or as `resolveOptions`
 */
export function importedOptions(model: ModelName, networks: Networks, given: OptionValues): ResolvedOptions {
  const [generatorName, discriminatorName] =
    model === "pix2pix" ? (["net_G", "net_D"] as const) : (["net_G_A", "net_D_A"] as const);
  const generator = architectureOf(networks, generatorName);
  const discriminator = architectureOf(networks, discriminatorName);
  if (generator?.kind !== "generator") throw misnamed(generatorName, "discriminator");
  if (discriminator?.kind === "generator") throw misnamed(discriminatorName, "generator");
  const { kind: _, inputChannels, outputChannels, dropout, ...generatorOptions } = generator;
  const { kind: __, inputChannels: ___, ...discriminatorOptions } = discriminator ?? {};
  return resolveOptions({
    flags: {
      ...{ model, ...discriminatorOptions, ...generatorOptions },
      ...presetOf(model, generator),
      ...{ input_nc: inputChannels, output_nc: outputChannels },
      ...(dropout !== undefined && { no_dropout: !dropout }),
      ...given,
    },
  });
}

const architectureOf = (networks: Networks, name: string) => networks.get(name)?.architecture;

function misnamed(name: string, kind: "generator" | "discriminator"): PixcycleError {
  return new PixcycleError("E_CHECKPOINT_MISMATCH", `The weights of ${name} are those of a ${kind}.`, {
    hint: "Check the names of the files.",
  });
}

/**
 * Replaces the weights of a model's networks by those that are given.
 * @throws PixcycleError E_CHECKPOINT_MISMATCH naming the network that does not fit
 */
export async function loadNetworks(runner: ModelRunner, model: ModelName, networks: Networks): Promise<void> {
  for (const name of NETWORKS[model]) {
    const network = networks.get(name);
    if (network === undefined) continue;
    await runner.loadNetwork(name, network.weights).catch((error: unknown) => {
      if (!(error instanceof PixcycleError)) throw error;
      const { code, message, hint } = error;
      throw new PixcycleError(code, `${name}: ${message}`, { ...(hint && { hint }), cause: error });
    });
  }
}

/** The preset that an architecture is of, where it is not the model's own. */
function presetOf(
  model: ModelName,
  { net_style, netG }: GeneratorArchitecture,
): Partial<Pick<Options, "preset">> {
  if (net_style === "tf") return { preset: model === "pix2pix" ? "tf-pix2pix" : "tf-cyclegan" };
  return netG === "vgg16_unet" && model === "cycle_gan" ? { preset: "vgg-cyclegan" } : {};
}
