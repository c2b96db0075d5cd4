import { beforeAll, describe, expect, it } from "vitest";
import type { FileTensor, TensorMap } from "../../src/formats/tensor.js";
import { Engine } from "../../src/runtime/engine.js";
import { ortModule } from "../../src/runtime/node/ort-module.js";
import type { ModelRunner } from "../../src/runtime/runner.js";
import { type Bounds, itStepsAsPyTorch } from "./golden-checks.js";
import { type Golden, goldenBatch, goldenMasks, initialWeights, readGolden } from "./goldens.js";

/** A scale that suits these losses from the first step on. */
const GOOD_SCALE = 256;
/** A scale with which every gradient leaves the range of float16. */
const OVERFLOWING = 2 ** 100;

async function open(golden: Golden, device: "cpu" | "webgpu", scale: number): Promise<Engine> {
  const engine = new Engine(ortModule, golden.options, { threads: 1, device, fp16: true });
  const state = await engine.saveState();
  await engine.loadState(new Map([...state, ["loss_scale", scalar(scale)]]));
  for (const { name } of engine.model.networks) await engine.loadNetwork(name, initialWeights(golden, name));
  return engine;
}

const scalar = (value: number): FileTensor => ({ dtype: "F32", shape: [], data: Float32Array.of(value) });
const scaleOf = (state: TensorMap) => state.get("loss_scale")?.data[0];

const step = (runner: ModelRunner, golden: Golden, i: number) =>
  runner.step(goldenBatch(golden, i), {
    ...{ learningRate: golden.options.lr, dropoutMasks: goldenMasks(golden, i) },
  });

/** What an update changes: weights, moments, and how many updates there were. */
const updated = (state: TensorMap): TensorMap =>
  new Map([...state].filter(([key]) => /\.(weight|bias)$|^optimizer_/.test(key)));

/** Tests of training steps in float16 against PyTorch's in float64, on a device that can be asked for it. */
export function describeFloat16(device: "cpu" | "webgpu", goldens: readonly string[], within: Bounds): void {
  describe.each(goldens)("%s in float16", (name) => {
    const golden = readGolden(name);
    itStepsAsPyTorch(golden, () => open(golden, device, GOOD_SCALE), within);

    describe("after gradients that overflow", () => {
      let before: TensorMap;
      let after: TensorMap;
      let engine: Engine;
      beforeAll(async () => {
        engine = await open(golden, device, GOOD_SCALE);
        await step(engine, golden, 0);
        before = await engine.saveState();
        await engine.loadState(new Map([...before, ["loss_scale", scalar(OVERFLOWING)]]));
      });

      it("no weight, moment or count of updates is changed, and the next scale is half as large", async () => {
        const { losses, scaling } = await step(engine, golden, 1);
        expect(Object.values(losses).every(Number.isFinite)).toBe(true);
        const optimizers = Object.keys(engine.model.optimizers).sort();
        expect({ ...scaling, skipped: [...scaling!.skipped].sort() }).toEqual({
          ...{ lossScale: OVERFLOWING, skipped: optimizers },
        });
        after = await engine.saveState();
        expect(updated(after)).toEqual(updated(before));
        expect(scaleOf(after)).toBe(OVERFLOWING / 2);
        expect(Number(after.get("step")!.data[0])).toBe(2);
      });

      it("training goes on once the scale is small enough", async () => {
        await engine.loadState(new Map([...after, ["loss_scale", scalar(GOOD_SCALE)]]));
        expect((await step(engine, golden, 2)).scaling).toEqual({ lossScale: GOOD_SCALE, skipped: [] });
        expect(updated(await engine.saveState())).not.toEqual(updated(before));
        await engine.close();
      });
    });

    it("steps in pieces skip the same", async () => {
      const engine = await open(golden, device, OVERFLOWING);
      const before = await engine.saveState();
      for (const phase of engine.model.phases.keys()) {
        const { gradients } = await engine.gradients(goldenBatch(golden, 0), phase, {
          dropoutMasks: goldenMasks(golden, 0),
        });
        await engine.apply(gradients, phase, { learningRate: golden.options.lr });
      }
      const after = await engine.saveState();
      expect(updated(after)).toEqual(updated(before));
      expect(scaleOf(after)).toBe(OVERFLOWING / 2);
      await engine.close();
    });
  });
}
