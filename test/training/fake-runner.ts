import type { FileTensor, FloatTensor, TensorMap } from "../../src/formats/tensor.js";
import { resolveOptions } from "../../src/options/resolve.js";
import type { Options } from "../../src/options/schema.js";
import { RandomStream } from "../../src/random/philox.js";
import type { Batch, ModelRunner, StepRequest, StepResult } from "../../src/runtime/runner.js";
import { writeSampleGrid } from "../../src/training/samples.js";
import type { TrainingServices } from "../../src/training/session.js";
import type { TrainingData } from "../../src/training/trainer.js";

/**
 * A toy model with real state: weights, a moment, a pool and a counter, all changed by every step in a way
 * that depends on the batch, the rate, the order of steps and a random stream.
 */
export class FakeRunner implements ModelRunner {
  private weight = Float32Array.of(0.5, -0.25, 0.125);
  private moment = new Float32Array(3);
  private pool = new Float32Array(2);
  private step_ = 0;
  closed = false;
  /** Called at the start of every step; may throw or wait. */
  beforeStep: (step: number) => void | Promise<void> = () => undefined;
  /** What the loss is at a step; NaN to diverge. */
  lossAt: (step: number, loss: number) => number = (_, loss) => loss;

  /** How a step in float16 went; undefined in float32. */
  scalingAt: (step: number) => StepResult["scaling"] = () => undefined;

  constructor(private readonly seed: number) {}

  async step(batch: Batch, { learningRate, visuals }: StepRequest): Promise<StepResult> {
    const step = this.step_ + 1;
    await this.beforeStep(step);
    const draw = new RandomStream(this.seed, "fake", step).normal();
    const sum = batch.real_A.data.reduce((a, b) => a + b, 0) + 0.5 * this.pool[step % 2]!;
    for (let i = 0; i < 3; i++) {
      this.moment[i] = 0.5 * this.moment[i]! + Math.sin(sum * (i + 1)) + 0.01 * draw;
      this.weight[i] = this.weight[i]! - learningRate * 100 * this.moment[i]!;
    }
    this.pool[step % 2] = sum;
    this.step_ = step;
    const losses = { G_L1: this.lossAt(step, Math.abs(this.weight[0]!)), D_real: this.weight[1]! };
    const scaling = this.scalingAt(step);
    return {
      ...{ losses, visuals: visuals === true ? { fake_B: batch.real_A } : {} },
      ...(scaling && { scaling }),
    };
  }

  gradients(): never {
    throw new Error("not part of the toy");
  }

  apply(): never {
    throw new Error("not part of the toy");
  }

  async infer(_generator: string, images: FloatTensor): Promise<FloatTensor> {
    return images;
  }

  async saveState(): Promise<TensorMap> {
    return new Map<string, FileTensor>([
      ["net_G/model.weight", f32(this.weight)],
      ["optimizer_G/exp_avg/net_G/model.weight", f32(this.moment)],
      ["pool_A/images", f32(this.pool)],
      ["step", { dtype: "I64", shape: [], data: BigInt64Array.of(BigInt(this.step_)) }],
    ]);
  }

  async loadState(state: TensorMap): Promise<void> {
    this.weight = read(state, "net_G/model.weight");
    this.moment = read(state, "optimizer_G/exp_avg/net_G/model.weight");
    this.pool = read(state, "pool_A/images");
    const step = state.get("step");
    if (step?.dtype !== "I64") throw new Error("no step");
    this.step_ = Number(step.data[0]);
  }

  async loadNetwork(): Promise<void> {
    throw new Error("not part of the toy");
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}

function f32(data: Float32Array): FileTensor {
  return { dtype: "F32", shape: [data.length], data: data.slice() };
}

function read(state: TensorMap, name: string): Float32Array<ArrayBuffer> {
  const tensor = state.get(name);
  if (tensor?.dtype !== "F32") throw new Error(`no ${name}`);
  return Float32Array.from(tensor.data);
}

/** Batches of a few numbers that depend on the seed, the epoch and the index. */
function fakeData(seed: number, batchesPerEpoch: number): TrainingData {
  return {
    batchesPerEpoch,
    largest: { width: 2, height: 2 },
    async *batches(epoch, startBatch) {
      for (let index = startBatch; index < batchesPerEpoch; index++) {
        const stream = new RandomStream(seed, `epoch ${epoch}`, index);
        const data = Float32Array.from({ length: 4 }, () => stream.normal());
        const image = { shape: [1, 1, 2, 2], data };
        yield { real_A: image, real_B: image };
      }
    },
    close: async () => undefined,
  };
}

export interface FakeServices extends TrainingServices {
  runner: FakeRunner;
}

/** Services around a fresh toy model; `prepare` may arrange its behaviour. */
export function fakeServices(batchesPerEpoch: number, prepare?: (runner: FakeRunner) => void): FakeServices {
  const services: FakeServices = {
    runner: new FakeRunner(0),
    openData: async (options) => fakeData(options.seed, batchesPerEpoch),
    async createRunner(options) {
      services.runner = new FakeRunner(options.seed);
      prepare?.(services.runner);
      return services.runner;
    },
    estimateMemory: () => ({ state: 1, activations: 1, saving: 1 }),
    openValidation: async () => async () => 1,
    writeSample: writeSampleGrid,
  };
  return services;
}

/** Options of a small training in `runs_dir`. */
export function fakeOptions(runs_dir: string, given: Partial<Options> = {}) {
  const flags = { model: "pix2pix", dataroot: "none", runs_dir, name: "toy", n_epochs: 2, n_epochs_decay: 2 };
  return resolveOptions({ flags: { ...flags, ...given } });
}
