import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import type { Options } from "../options/schema.js";
import { inUnits, type MemoryEstimate } from "./memory.js";
import { stepsLeft, type TrainingPosition } from "./position.js";

/** Checkpoints that come and go beside those that stay: the last two, and the one that is being written. */
const PASSING = 3;

/** How many checkpoints that stay a training has still to write: one every `save_epoch_freq` epochs. */
export function keptCheckpoints(position: TrainingPosition, options: Options): number {
  const { epoch, batch, batchesPerEpoch } = position;
  const ending = Math.floor((batch + stepsLeft(position, options)) / batchesPerEpoch);
  const keptUpTo = (ended: number): number => Math.floor(ended / options.save_epoch_freq);
  return keptUpTo(epoch - 1 + ending) - keptUpTo(epoch - 1);
}

/**
 * One line for the person where a training's checkpoints will not fit on the disk; undefined where they will.
 * @param state of the memory estimate; a checkpoint has all of it but for the gradients
 * @param free bytes that the disk of the runs has left
 */
export function diskWarning(
  kept: number,
  { state }: Pick<MemoryEstimate, "state">,
  free: number,
): string | undefined {
  const needed = (kept + PASSING) * 0.75 * state;
  if (needed <= free) return undefined;
  return (
    `warning: ${kept} checkpoints will stay, about ${inUnits(needed)} in all, and the disk has ${inUnits(free)} free; ` +
    "a larger --save_epoch_freq keeps fewer"
  );
}

/** Bytes that are free on the disk where a folder is, or will be; Infinity where that is not told. */
export async function freeSpace(folder: string): Promise<number> {
  for (let path = folder; ; path = dirname(path)) {
    const found = await statfs(path).catch(() => undefined);
    if (found !== undefined) return found.bavail * found.bsize;
    if (dirname(path) === path) return Number.POSITIVE_INFINITY;
  }
}
