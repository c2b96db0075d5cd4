import { describe, expect, it } from "vitest";
import { Graph } from "../../src/graph/graph.js";
import { input, mul } from "../../src/graph/language.js";
import { elements } from "../../src/graph/shape.js";
import { optimizerInputs } from "../../src/models/program.js";
import { adamScalars, adamUpdateInPlace } from "../../src/nn/adam.js";
import { compileToOnnx } from "../../src/onnx/compile.js";
import { RandomStream } from "../../src/random/philox.js";
import { HostMemory } from "../../src/runtime/host-memory.js";
import { ortModule } from "../../src/runtime/node/ort-module.js";
import { startUpdateThreads } from "../../src/runtime/node/update-threads.js";
import { GraphSession } from "../../src/runtime/ort.js";
import { compileCopy, stepOutputs } from "../../src/runtime/programs.js";
import { sharesOf, type UpdateTensors } from "../../src/runtime/update-helpers.js";

/** Updates in several threads: the same bits, however many. */

const adam = { beta1: 0.5, beta2: 0.999, eps: 1e-8, form: "torch" } as const;

function uniform(name: string, length: number, scale = 1): Float32Array {
  const data = new Float32Array(length);
  new RandomStream(3, name).fillUniform(data);
  return data.map((value) => scale * (2 * value - 1));
}

const bytes = ({ buffer }: Float32Array): Buffer => Buffer.from(buffer);

describe("shares of an update", () => {
  const sizes = new Map([
    ["a", 4_000_000],
    ["b", 3_000_000],
    ["c", 2_000_000],
    ["d", 1_000_000],
  ]);

  it("are nearly equal and hold every parameter once", () => {
    expect(sharesOf(sizes, 2)).toEqual([
      ["a", "d"],
      ["b", "c"],
    ]);
    expect(sharesOf(sizes, 3).flat().sort()).toEqual(["a", "b", "c", "d"]);
    expect(sharesOf(sizes, 6).flat().sort()).toEqual(["a", "b", "c", "d"]);
  });

  it("are one where there is little to do", () => {
    expect(sharesOf(new Map([["a", 1000]]), 3)).toEqual([["a"], [], []]);
  });
});

describe("a thread that helps with updates", () => {
  it("gives the bits that the model's thread gives, denormal numbers included, and the same memory back", async () => {
    // As in the model's thread, a session was made before.
    await (await GraphSession.create(ortModule, compileCopy(new Map([["x", [1]]])), { threads: 1 })).close();
    const helpers = await startUpdateThreads(3);
    for (const scale of [1, 1e-18, 1e-37]) {
      const draw = (): UpdateTensors => ({
        parameter: uniform("p", 20_001),
        firstMoment: uniform("m", 20_001, scale),
        secondMoment: uniform("v", 20_001, scale).map(Math.abs),
        gradient: uniform("g", 20_001, scale),
      });
      const expected = draw();
      const scalars = adamScalars(adam, 1e-3, 4);
      adamUpdateInPlace(expected, expected.gradient, adam, scalars);
      const given = draw();
      const [updated] = await helpers.update(1, [given], adam, scalars);
      for (const name of ["parameter", "firstMoment", "secondMoment", "gradient"] as const)
        expect(bytes(updated![name]).equals(bytes(expected[name])), name).toBe(true);
      expect(given.parameter.length, "the array has changed hands").toBe(0);
    }
    await helpers.close();
  });
});

describe("the host's memory with helpers", () => {
  const shapes = new Map([
    ["net/a", [700, 700]],
    ["net/b", [300, 500]],
    ["net/c", [5]],
  ]);

  /** A memory with parameters and moments, and a session whose gradients are 0.01 · the parameters. */
  async function start(threads: number): Promise<{ memory: HostMemory; session: GraphSession }> {
    const memory = new HostMemory(() => startUpdateThreads(threads));
    for (const [key, shape] of shapes) {
      const [p, zeros] = [uniform(key, elements(shape)), () => new Float32Array(elements(shape))];
      memory.write(key, { shape, data: p });
      memory.write(optimizerInputs.firstMoment("G", key), { shape, data: zeros() });
      memory.write(optimizerInputs.secondMoment("G", key), { shape, data: zeros() });
    }
    const graph = new Graph();
    const gradients = [...shapes].map(([key, shape]) => [
      stepOutputs.gradient(key),
      mul(input(graph, key, shape), 0.01),
    ]);
    const compiled = compileToOnnx(Object.fromEntries(gradients));
    return { memory, session: await GraphSession.create(ortModule, compiled, { threads: 1 }) };
  }

  it("has the same bits after steps and after updates from given gradients, which stay as they are", async () => {
    const states: (readonly [string, Buffer])[][] = [];
    const given = new Map(
      [...shapes].map(([key, shape]) => [key, { shape, data: uniform("g", elements(shape)) }]),
    );
    for (const threads of [1, 2, 4]) {
      const { memory, session } = await start(threads);
      for (let step = 1; step <= 3; step++) {
        const outputs = [...shapes.keys()].map(stepOutputs.gradient);
        const results = await memory.run(session, { feeds: new Map(), fetches: [], gradients: outputs });
        const own = [...shapes.keys()].map((key) => [key, results.get(stepOutputs.gradient(key))!] as const);
        for (const gradients of [new Map(own), given])
          await memory.update({
            ...{ optimizer: "G", adam, gradients },
            scalars: adamScalars(adam, 1e-3, step),
          });
      }
      expect([...given].map(([, { data }]) => data.length)).toEqual([490_000, 150_000, 5]);
      states.push([...(await memory.read())].map(([key, { data }]) => [key, bytes(data)] as const));
      await memory.close();
      await session.close();
    }
    for (const state of states.slice(1))
      for (const [i, [key, bytes]] of state.entries())
        expect(bytes.equals(states[0]![i]![1]), key).toBe(true);
  });
});
