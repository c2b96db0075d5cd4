import { afterAll, beforeAll, expect, it } from "vitest";
import { toFloatTensor } from "../../src/formats/weights.js";
import { createModel } from "../../src/models/model.js";
import type { ModelRunner, StepResult } from "../../src/runtime/runner.js";
import {
  type Golden,
  goldenBatch,
  goldenMasks,
  goldenUniforms,
  initialWeights,
  relativeError,
  under,
} from "./goldens.js";

/** Errors that are rounding. */
export interface Bounds {
  /** Of images in relation to their norm, and of the first step's losses in relation to the loss, or to 1 if it is smaller. */
  readonly forward: number;
  /** In relation to the norm of a network's gradient. */
  readonly gradients: number;
  readonly statistics: number;
  /** Of all steps' losses. */
  readonly losses: number;
  /** Of the change of a network's weights in all steps, in relation to its norm. */
  readonly weights: number;
}

/** Those of the CPU, with room for another order of sums. */
export const CPU_BOUNDS: Bounds = {
  forward: 1e-5,
  gradients: 1e-4,
  statistics: 1e-5,
  losses: 1e-4,
  weights: 1e-2,
};

/** All values of several tensors in one list, leaving out those whose gradient is zero in theory. */
function joined(
  golden: Golden,
  tensors: ReadonlyMap<string, { data: ArrayLike<number> }>,
  names: readonly string[],
): number[] {
  return names
    .filter((name) => !golden.zeroGradient.has(name))
    .flatMap((name) => Array.from(tensors.get(name)!.data));
}

/**
 * Tests of whole steps against PyTorch in float64, wherever the model runs.
 * @param open makes a model with any weights; it is called twice
 */
export function itStepsAsPyTorch(
  golden: Golden,
  open: () => Promise<ModelRunner>,
  within: Bounds = CPU_BOUNDS,
): void {
  const { options } = golden;
  const model = createModel(options);
  const steps: StepResult[] = [];
  let runner: ModelRunner;
  let separate: ModelRunner;

  async function atStart(): Promise<ModelRunner> {
    const opened = await open();
    for (const { name } of model.networks) await opened.loadNetwork(name, initialWeights(golden, name));
    return opened;
  }
  const random = (step: number) => ({
    dropoutMasks: goldenMasks(golden, step),
    uniforms: goldenUniforms(golden, step),
  });

  beforeAll(async () => {
    runner = await atStart();
    separate = await atStart();
    for (let i = 0; i < options.steps; i++) {
      const request = { learningRate: options.lr, visuals: i === 0, ...random(i) };
      steps.push(await runner.step(goldenBatch(golden, i), request));
    }
  });
  afterAll(async () => {
    await runner?.close();
    await separate?.close();
  });

  it(`forward passes and losses are PyTorch's within ${within.forward}`, () => {
    for (const [image, expected] of under(golden.tensors, "forward/")) {
      expect(relativeError(steps[0]!.visuals[image]!.data, expected.data), image).toBeLessThan(
        within.forward,
      );
    }
    expectLosses(steps[0]!.losses, golden.losses[0]!, within.forward, "step 0");
  });

  it(`gradients are PyTorch's within ${within.gradients} of their norm`, async () => {
    const expected = under(golden.tensors, "grad/");
    for (const [phase, optimizers] of model.phases.entries()) {
      const { gradients } = await separate.gradients(goldenBatch(golden, 0), phase, random(0));
      for (const network of optimizers.flatMap((optimizer) => model.optimizers[optimizer]!)) {
        const names = [...expected.keys()].filter((key) => key.startsWith(`${network.name}/`));
        expect(names.length).toBeGreaterThan(0);
        const error = relativeError(joined(golden, gradients, names), joined(golden, expected, names));
        expect(error, network.name).toBeLessThan(within.gradients);
      }
      await separate.apply(gradients, phase, { learningRate: options.lr });
    }
  });

  it("running statistics after the first step are PyTorch's", async () => {
    const expected = under(golden.tensors, "step1/");
    const state = await separate.saveState();
    for (const [key, { data }] of expected) {
      expect(relativeError(toFloatTensor(state.get(key)!).data, data), key).toBeLessThan(within.statistics);
    }
  });

  it(`losses of all steps are PyTorch's within ${within.losses} and the change of the weights within ${within.weights}`, async () => {
    for (const [i, expected] of golden.losses.entries())
      expectLosses(steps[i]!.losses, expected, within.losses, `step ${i}`);
    const state = await runner.saveState();
    const final = under(golden.tensors, "final/");
    for (const { name: network } of model.networks) {
      const own = [...final.keys()].filter(
        (key) => key.startsWith(`${network}/`) && !golden.zeroGradient.has(key),
      );
      const counters = own.filter((key) => key.endsWith("num_batches_tracked"));
      for (const key of counters) expect(Number(state.get(key)!.data[0]), key).toBe(final.get(key)!.data[0]);
      // Apart, since running statistics change by more than weights do.
      const statistics = own.filter((key) => key.includes("running_"));
      const weights = own.filter((key) => !counters.includes(key) && !statistics.includes(key));
      const change = (keys: readonly string[], to: (key: string) => ArrayLike<number>): number[] =>
        keys.flatMap((key) => {
          const start = toFloatTensor(golden.tensors.get(key)!).data;
          return Array.from(to(key), (value, i) => value - start[i]!);
        });
      for (const keys of [weights, statistics].filter(({ length }) => length > 0)) {
        const error = relativeError(
          change(keys, (key) => toFloatTensor(state.get(key)!).data),
          change(keys, (key) => final.get(key)!.data),
        );
        expect(error, `${network}: ${keys[0]}, …`).toBeLessThan(within.weights);
      }
    }
  });
}

/** Each loss within a part of its size, or of 1 if it is smaller. */
export function expectLosses(
  actual: Readonly<Record<string, number>>,
  expected: Readonly<Record<string, number>>,
  within = CPU_BOUNDS.losses,
  where = "",
): void {
  for (const [loss, value] of Object.entries(expected)) {
    const bound = within * Math.max(1, Math.abs(value));
    expect(Math.abs(actual[loss]! - value), `${loss} ${where}`).toBeLessThanOrEqual(bound);
  }
}
