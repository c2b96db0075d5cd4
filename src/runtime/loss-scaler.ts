import type { FileTensor, FloatTensor, TensorMap } from "../formats/tensor.js";
import { LARGEST_GRADIENT_SUM, LOSS_SCALE } from "../models/program.js";
import type { Scaling } from "./runner.js";
import { counterTensor } from "./state-store.js";

const FIRST_SCALE = 65536;
const GROWTH = 2;
const BACKOFF = 0.5;
/** Steps without an overflow after which a larger scale is tried. */
const GROWTH_INTERVAL = 2000;

const GOOD_STEPS = "loss_scale_good_steps";

/**
 * What losses are multiplied with before gradients are taken in float16, by the rule of PyTorch's `GradScaler` (after
 * Micikevicius et al., "Mixed Precision Training", 2018): an optimiser whose gradients overflow is skipped, and the scale is halved;
 * after 2000 steps in a row without that it is doubled. There is one scale for all optimisers of a step.
 */
export class LossScaler {
  private scale = FIRST_SCALE;
  /** Steps since the scale last changed. */
  private goodSteps = 0;
  private skipped: string[] = [];

  /** The scale of the step in progress. */
  get lossScale(): number {
    return this.scale;
  }

  /**
   * Whether an optimiser's update is made in the step in progress; if not, the step is one with an overflow.
   * @param gradientSum the sum of its gradients' absolute values, not scaled
   */
  accepts(optimizer: string, gradientSum: number): boolean {
    const finite = gradientSum < LARGEST_GRADIENT_SUM;
    if (!finite) this.skipped.push(optimizer);
    return finite;
  }

  /** Likewise of the gradients themselves. */
  acceptsGradients(optimizer: string, gradients: ReadonlyMap<string, FloatTensor>): boolean {
    const sums = [...gradients.values()].map(({ data }) => data.reduce((sum, x) => sum + Math.abs(x), 0));
    return this.accepts(
      optimizer,
      sums.reduce((total, sum) => total + sum),
    );
  }

  /** Ends a step and decides the scale of the next. @returns how this step went */
  endStep(): Scaling {
    const { scale, skipped } = this;
    this.skipped = [];
    this.goodSteps = skipped.length === 0 ? this.goodSteps + 1 : 0;
    if (skipped.length > 0) this.scale *= BACKOFF;
    if (this.goodSteps === GROWTH_INTERVAL) {
      this.scale *= GROWTH;
      this.goodSteps = 0;
    }
    return { lossScale: scale, skipped };
  }

  /** For a checkpoint. */
  toState(): TensorMap {
    return new Map<string, FileTensor>([
      [LOSS_SCALE, { dtype: "F32", shape: [], data: Float32Array.of(this.scale) }],
      [GOOD_STEPS, counterTensor(this.goodSteps)],
    ]);
  }

  /** Takes over what `toState` gave; what was saved without float16 begins with the first scale. */
  load(state: TensorMap): void {
    this.scale = Number(state.get(LOSS_SCALE)?.data[0] ?? FIRST_SCALE);
    this.goodSteps = Number(state.get(GOOD_STEPS)?.data[0] ?? 0);
    this.skipped = [];
  }
}

/** Names of the scaler's state in a checkpoint. */
export const LOSS_SCALER_STATE = [LOSS_SCALE, GOOD_STEPS] as const;
