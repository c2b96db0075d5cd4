import { join } from "node:path";
import { PixcycleError } from "../errors.js";
import { removeDirectoryAtomic } from "../formats/atomic.js";
import type { TensorMap } from "../formats/tensor.js";
import {
  checkpointStep,
  listCheckpoints,
  loadCheckpoint,
  pruneCheckpoints,
  saveCheckpoint,
} from "./checkpoint.js";
import { isSound } from "./guard.js";
import { type RunFolder, writeBest, writeLatest } from "./run-folder.js";
import { RunLog } from "./run-log.js";
import type { CheckpointAbout, GoodState, RunStore } from "./run-store.js";

/** Log and checkpoints in a run's folder. */
export class FolderStore implements RunStore {
  constructor(private readonly folder: RunFolder) {}

  openLog(step: number): Promise<RunLog> {
    return RunLog.open(this.folder, step);
  }

  /** Errors: E_FILE_WRITE. */
  async save(state: TensorMap, about: CheckpointAbout): Promise<string> {
    const path = await saveCheckpoint(this.folder.checkpoints, state, about);
    await writeLatest(this.folder, path);
    const best = about.position.validation?.bestStep;
    if (best !== undefined) await writeBest(this.folder, best);
    await pruneCheckpoints(path, best);
    return path;
  }

  /** Spoilt checkpoints are removed. */
  async lastGood(step: number): Promise<GoodState | undefined> {
    const { checkpoints } = this.folder;
    const names = (await listCheckpoints(checkpoints)).filter((name) => checkpointStep(name)! <= step);
    for (const name of names.reverse()) {
      const path = join(checkpoints, name);
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

  makeNewest(path: string): Promise<void> {
    return writeLatest(this.folder, path);
  }
}
