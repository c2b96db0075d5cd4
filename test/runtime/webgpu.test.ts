import type { Tensor } from "onnxruntime-common";
import * as ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { Engine } from "../../src/runtime/engine.js";
import type { OrtModule } from "../../src/runtime/ort.js";
import { expectLosses } from "../models/golden-checks.js";
import { type Golden, goldenBatch, goldenMasks, initialWeights, readGolden } from "../models/goldens.js";
import { WEBGPU } from "../setup/webgpu.js";

/** State on the WebGPU provider; that steps are right there is tested in `test/devices/`. */

async function engineAtStart(golden: Golden, device: "cpu" | "webgpu", runtime = ort as OrtModule) {
  const engine = new Engine(runtime, golden.options, { threads: 1, device });
  for (const { name } of engine.model.networks) await engine.loadNetwork(name, initialWeights(golden, name));
  return engine;
}

const step = (engine: Engine, golden: Golden, i: number) =>
  engine.step(goldenBatch(golden, i), {
    ...{ learningRate: golden.options.lr, dropoutMasks: goldenMasks(golden, i) },
  });

/** Counts buffers, and where the tensors of a run are. */
function watched() {
  const seen = { made: 0, disposed: 0, feeds: new Map<string, string>(), outputs: new Map<string, string>() };
  const create: OrtModule["InferenceSession"]["create"] = async (model, options) => {
    const session = await ort.InferenceSession.create(model, options);
    const run = session.run.bind(session) as (feeds: object, fetches: object) => Promise<object>;
    const counted = async (feeds: Record<string, Tensor>, fetches: object): Promise<object> => {
      seen.feeds = new Map(Object.entries(feeds).map(([name, tensor]) => [name, tensor.location]));
      const results = (await run(feeds, fetches)) as Record<string, Tensor>;
      seen.outputs = new Map(Object.entries(results).map(([name, tensor]) => [name, tensor.location]));
      for (const tensor of Object.values(results)) {
        if (tensor.location !== "gpu-buffer") continue;
        seen.made++;
        const dispose = tensor.dispose.bind(tensor);
        tensor.dispose = () => {
          seen.disposed++;
          dispose();
        };
      }
      return results;
    };
    return Object.assign(session, { run: counted });
  };
  return { seen, runtime: { InferenceSession: { create }, Tensor: ort.Tensor } as OrtModule };
}

describe.skipIf(!WEBGPU)("state on WebGPU", () => {
  const golden = readGolden("pix2pix_unet64_batchnorm");
  const locations = (tensors: ReadonlyMap<string, string>, isState: boolean) => [
    ...new Set(
      [...tensors]
        .filter(([name]) => /^(out:next\/)?(net_|optimizer_.*exp_avg)/.test(name) === isState)
        .map(([, location]) => location),
    ),
  ];

  it("stays in the device's buffers from step to step, each disposed of exactly once", async () => {
    const { seen, runtime } = watched();
    const engine = await engineAtStart(golden, "webgpu", runtime);
    await step(engine, golden, 0);
    const { made } = seen;
    await step(engine, golden, 1);
    expect(seen.feeds.has("net_G/model.model.0.weight")).toBe(true);
    expect(locations(seen.feeds, true)).toEqual(["gpu-buffer"]);
    expect(locations(seen.outputs, true)).toEqual(["gpu-buffer"]);
    // The batch goes in; losses come out, and images stay, since nobody asked for them.
    const onHost = [...seen.outputs].flatMap(([name, location]) => (location === "cpu" ? [name] : []));
    expect(onHost.sort()).toEqual(["D_fake", "D_real", "G_GAN", "G_L1"].map((loss) => `out:loss/${loss}`));
    const alive = seen.made - seen.disposed;
    expect(seen.made).toBeGreaterThan(made);
    await step(engine, golden, 2);
    expect(seen.made - seen.disposed).toBe(alive);
    await engine.close();
    expect(seen.disposed).toBe(seen.made);
  });

  it("is saved and loaded bit for bit, and a training continues on the other device", async () => {
    const webgpu = await engineAtStart(golden, "webgpu");
    const cpu = await engineAtStart(golden, "cpu");
    await step(webgpu, golden, 0);
    const state = await webgpu.saveState();
    const odd = state.get("net_G/model.model.0.weight")!.data as Float32Array;
    const usual = odd.slice(0, 3);
    odd.set([-0, 1e-40, Number.NaN]);
    await webgpu.loadState(state);
    expect(await webgpu.saveState()).toEqual(state);
    odd.set(usual);
    await cpu.loadState(state);
    expectLosses((await step(cpu, golden, 1)).losses, golden.losses[1]!);
    await webgpu.loadState(await cpu.saveState());
    expectLosses((await step(webgpu, golden, 2)).losses, golden.losses[2]!);
    await webgpu.close();
    await cpu.close();
  });

  it("is updated by gradients that are given, as in a step", async () => {
    const engine = await engineAtStart(golden, "webgpu");
    for (const [phase] of engine.model.phases.entries()) {
      const { gradients } = await engine.gradients(goldenBatch(golden, 0), phase, {
        dropoutMasks: goldenMasks(golden, 0),
      });
      await engine.apply(gradients, phase, { learningRate: golden.options.lr });
    }
    expectLosses((await step(engine, golden, 1)).losses, golden.losses[1]!);
    await engine.close();
  });
});
