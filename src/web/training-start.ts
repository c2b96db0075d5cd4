import { PixcycleError } from "../errors.js";
import { readTensorSource } from "../formats/tensor-source.js";
import { inferNetwork } from "../networks/infer.js";
import { type OptionValues, type ResolvedOptions, resolveOptions } from "../options/resolve.js";
import type { ModelName } from "../options/schema.js";
import type { ModelRunner } from "../runtime/runner.js";
import { checkArchitecture } from "../training/architecture.js";
import { importedOptions, loadNetworks, type Networks } from "../training/imported-networks.js";
import { continuePosition, startPosition, type TrainingPosition } from "../training/position.js";
import { decodeCheckpoint, type PageCheckpoint } from "./checkpoint.js";
import type { TrainingRequest } from "./training-setup.js";

/** Where a training begins: with a checkpoint, with weights, or with neither. */
export interface TrainingStart {
  readonly resolved: ResolvedOptions;
  readonly checkpoint: PageCheckpoint | undefined;
  readonly networks: Networks;
}

/**
 * Reads what a training begins with, and completes its options: those of the checkpoint, or the architecture of the
 * weights, are the base.
 * @throws PixcycleError E_OPTION, E_OPTION_CONFLICT; E_FILE_FORMAT, E_CHECKPOINT_MISMATCH for other files
 */
export async function readStart(request: TrainingRequest): Promise<TrainingStart> {
  const { weights = {} } = request;
  const flags = request.options as OptionValues;
  const checkpoint = request.checkpoint && (await decodeCheckpoint(request.checkpoint));
  const networks = await readNetworks(weights);
  if (checkpoint !== undefined) {
    return { resolved: resolveOptions({ flags, run: checkpoint }), checkpoint, networks: new Map() };
  }
  if (networks.size > 0) {
    const model = flags.model ?? modelOf(networks);
    return { resolved: importedOptions(model, networks, flags), checkpoint, networks };
  }
  const resolved = resolveOptions({ flags });
  const { netG, vgg_weights } = resolved.options;
  if (netG === "vgg16_unet" && vgg_weights !== "none") {
    throw new PixcycleError("E_OPTION", "netG vgg16_unet starts from a trained VGG16, and a page has none.", {
      hint: "Set vgg_weights to none for random weights, or choose another generator.",
    });
  }
  return { resolved, checkpoint, networks };
}

/** Loads the start into a model. @returns the position that its state is of */
export async function loadStart(
  { resolved, checkpoint, networks }: TrainingStart,
  runner: ModelRunner,
  batchesPerEpoch: number,
): Promise<TrainingPosition> {
  const { options } = resolved;
  if (checkpoint === undefined) {
    await loadNetworks(runner, options.model, networks);
    return startPosition(options, batchesPerEpoch);
  }
  checkArchitecture("The checkpoint", checkpoint.options, options);
  await runner.loadState(checkpoint.state);
  return continuePosition(checkpoint.position, options, batchesPerEpoch);
}

async function readNetworks(weights: Readonly<Record<string, Blob>>): Promise<Networks> {
  const networks = new Map();
  for (const [name, file] of Object.entries(weights)) {
    const where = file instanceof File ? file.name : name;
    const read = async (offset: number, length: number) =>
      new Uint8Array(await file.slice(offset, offset + length).arrayBuffer());
    const { tensors } = await readTensorSource({ where, size: file.size, read });
    networks.set(name, inferNetwork(tensors, where));
  }
  return networks;
}

/** The model that the generators are of. */
function modelOf(networks: Networks): ModelName {
  if (networks.has("net_G")) return "pix2pix";
  if (networks.has("net_G_A") && networks.has("net_G_B")) return "cycle_gan";
  throw new PixcycleError(
    "E_CHECKPOINT_MISMATCH",
    `${[...networks.keys()].join(", ")}: these networks are not enough to train further.`,
    { hint: "Give net_G for pix2pix, net_G_A and net_G_B for CycleGAN; discriminators may be added." },
  );
}
