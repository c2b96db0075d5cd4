import { join } from "node:path";
import { PixcycleError } from "../errors.js";
import { removeDirectoryAtomic } from "../formats/atomic.js";
import type { TensorMap } from "../formats/tensor.js";
import { checkpointStep, listCheckpoints, loadCheckpoint } from "./checkpoint.js";
import type { TrainingPosition } from "./position.js";

/** What the rate is multiplied with after the training was taken back. */
export const RECOVERY_RATE = 0.5;

/** The first loss that is not a number, if there is one. */
export function badLoss(
  losses: Readonly<Record<string, number>>,
): { name: string; value: number } | undefined {
  const bad = Object.entries(losses).find(([, value]) => !Number.isFinite(value));
  return bad === undefined ? undefined : { name: bad[0], value: bad[1] };
}

export interface GoodState {
  readonly path: string;
  readonly position: TrainingPosition;
  readonly state: TensorMap;
}

/**
 * The newest checkpoint up to a step that is whole and all of whose numbers are finite: a loss is of the weights
 * before its step's update, so the last checkpoint may already be spoilt. Spoilt ones are removed.
 */
export async function lastGoodState(folder: string, step: number): Promise<GoodState | undefined> {
  const names = (await listCheckpoints(folder)).filter((name) => checkpointStep(name)! <= step);
  for (const name of names.reverse()) {
    const path = join(folder, name);
    const loaded = await loadCheckpoint(path).catch((error: unknown) => {
      if (error instanceof PixcycleError) return undefined;
      throw error;
    });
    if (loaded === undefined) continue;
    if (isSound(loaded.state)) return { path, position: loaded.record.position, state: loaded.state };
    await removeDirectoryAtomic(path);
  }
  return undefined;
}

/** Whether all numbers of a state are finite. */
export function isSound(state: TensorMap): boolean {
  return [...state.values()].every(
    ({ dtype, data }) => dtype !== "F32" || (data as Float32Array).every(Number.isFinite),
  );
}
