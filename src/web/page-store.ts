import type { TensorMap } from "../formats/tensor.js";
import type { ResolvedOptions } from "../options/resolve.js";
import { isSound } from "../training/guard.js";
import type { CheckpointAbout, GoodState, RunStore, TrainingLog } from "../training/run-store.js";
import { decodeCheckpoint, encodeCheckpoint } from "./checkpoint.js";

const KEPT = 2;

/** A checkpoint, and the step that it is of. */
export interface StoredCheckpoint {
  readonly step: number;
  readonly file: Blob;
}

/** Keeps the last checkpoints, and hands each to the page. The log is the page's own: it is told of everything. */
export class PageStore implements RunStore {
  private checkpoints: StoredCheckpoint[];

  constructor(
    private readonly origins: ResolvedOptions["origins"],
    /** The checkpoint that the training continues from. */
    first: StoredCheckpoint | undefined,
  ) {
    this.checkpoints = first === undefined ? [] : [first];
  }

  get newest(): StoredCheckpoint | undefined {
    return this.checkpoints.at(-1);
  }

  async openLog(): Promise<TrainingLog> {
    const nothing = async () => undefined;
    return { step: nothing, validation: nothing, notice: nothing, sample: nothing, close: nothing };
  }

  async save(state: TensorMap, { position, options }: CheckpointAbout): Promise<string> {
    const { step } = position;
    const file = encodeCheckpoint({ state, options, position, origins: this.origins });
    const earlier = this.checkpoints.filter((checkpoint) => checkpoint.step < step);
    this.checkpoints = [...earlier, { step, file }].slice(-KEPT);
    return `step ${step}`;
  }

  async lastGood(step: number): Promise<GoodState | undefined> {
    const candidates = this.checkpoints.filter((checkpoint) => checkpoint.step <= step);
    for (const checkpoint of candidates.reverse()) {
      const { state, position } = await decodeCheckpoint(checkpoint.file);
      if (isSound(state)) return { path: `step ${checkpoint.step}`, position, state };
    }
    return undefined;
  }

  async makeNewest(path: string): Promise<void> {
    const index = this.checkpoints.findIndex(({ step }) => `step ${step}` === path);
    this.checkpoints.length = index + 1;
  }
}
