import { describe, expect, it } from "vitest";
import type { TensorMap } from "../../src/formats/tensor.js";
import { elements } from "../../src/graph/shape.js";
import { initialValue } from "../../src/nn/initialise.js";
import { presets } from "../../src/options/presets.js";
import { Engine } from "../../src/runtime/engine.js";
import { ortModule } from "../../src/runtime/node/ort-module.js";
import { valuesInThreads } from "../../src/runtime/node/starting-threads.js";
import { type StartingTensors, startingValues } from "../../src/runtime/starting-values.js";

const bytes = ({ buffer, byteOffset, byteLength }: Float32Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);

describe("values that a model starts with", () => {
  const wanted: StartingTensors = {
    tensors: [
      { key: "net/a", shape: [96, 64, 8, 8], initial: { kind: "weight" } },
      { key: "net/bias", shape: [7], initial: { kind: "constant", value: 0.5 } },
      { key: "net/b", shape: [64, 64, 8, 8], initial: { kind: "weight" } },
      { key: "net/scale", shape: [1001], initial: { kind: "scale" } },
      { key: "moment", shape: [64, 64, 8, 8], initial: { kind: "constant", value: 0 } },
    ],
    init: { init_type: "normal", init_gain: 0.02 },
    seed: 11,
  };

  it("are the same bits in any number of threads", async () => {
    const expected = wanted.tensors.map((tensor) =>
      initialValue(tensor, tensor.key, wanted.init, wanted.seed),
    );
    for (const threads of [1, 2, 4]) {
      const made = await valuesInThreads(threads, wanted);
      expect(made).toHaveLength(expected.length);
      for (const [i, values] of made.entries()) {
        expect(bytes(values).equals(bytes(expected[i]!)), `${wanted.tensors[i]!.key}, ${threads}`).toBe(true);
      }
    }
  });
});

describe("an engine", () => {
  const small = { netG: "unet_64", norm: "instance", ngf: 4, ndf: 4, seed: 5 } as const;
  const options = { ...presets["torch-pix2pix"], ...small };
  const start = (): { engine: Engine; calls: () => number } => {
    let calls = 0;
    const makeValues = async (wanted: StartingTensors): Promise<Float32Array[]> => {
      calls++;
      return startingValues(wanted);
    };
    const engine = new Engine(ortModule, options, { threads: 1 }, { makeValues });
    return { engine, calls: () => calls };
  };

  it("has its first values made once, and not at all where a whole state is loaded", async () => {
    const first = start();
    expect(first.calls()).toBe(0);
    const state = await first.engine.saveState();
    await first.engine.saveState();
    expect(first.calls()).toBe(1);
    const key = "net_G/model.model.0.weight";
    const { shape, data } = state.get(key)!;
    expect(data).toEqual(initialValue({ shape, initial: { kind: "weight" } }, key, options, options.seed));

    const second = start();
    await second.engine.loadState(state);
    expect([...(await second.engine.saveState())]).toEqual([...state]);
    expect(second.calls()).toBe(0);
    await first.engine.close();
    await second.engine.close();
  });

  it("keeps the other networks' first values where one network is loaded", async () => {
    const other = start();
    const state = await other.engine.saveState();
    const weights: TensorMap = new Map();
    for (const [name, { shape }] of state) {
      const data = new Float32Array(elements(shape)).fill(0.25);
      if (name.startsWith("net_D/")) weights.set(name.slice("net_D/".length), { dtype: "F32", shape, data });
    }
    const { engine } = start();
    await engine.loadNetwork("net_D", weights);
    for (const [name, { data }] of await engine.saveState()) {
      if (name.startsWith("net_G/")) expect(data, name).toEqual(state.get(name)!.data);
      if (name.startsWith("net_D/")) expect(data.every((value) => Number(value) === 0.25)).toBe(true);
    }
    await other.engine.close();
    await engine.close();
  });
});
