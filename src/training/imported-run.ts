import { basename, dirname, join } from "node:path";
import { PixcycleError } from "../errors.js";
import type { TensorMap } from "../formats/tensor.js";
import type { OptionValues } from "../options/resolve.js";
import type { ModelName, Options } from "../options/schema.js";
import { createRunner } from "../runtime/node/create.js";
import { saveCheckpoint } from "./checkpoint.js";
import { importedOptions, loadNetworks, type Networks } from "./imported-networks.js";
import { startPosition } from "./position.js";
import { beginRun, checkRunFolder, runFolder, writeLatest } from "./run-folder.js";

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
  const resolved = importedOptions(model, networks, {
    dataroot: join("datasets", basename(path)),
    ...given,
    ...{ runs_dir: dirname(path), name: basename(path) },
  });
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

/** The whole state of a training that begins with the networks' weights. */
async function modelState(options: Options, networks: Networks): Promise<TensorMap> {
  const runner = createRunner(options, {
    threads: options.threads,
    device: options.device,
    conv: options.conv,
  });
  try {
    await loadNetworks(runner, options.model, networks);
    return await runner.saveState();
  } finally {
    await runner.close();
  }
}
