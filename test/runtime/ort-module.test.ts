import { availableParallelism } from "node:os";
import * as ort from "onnxruntime-node";
import { expect, it, vi } from "vitest";
import { Graph } from "../../src/graph/graph.js";
import { add, input, mul } from "../../src/graph/language.js";
import { compileToOnnx } from "../../src/onnx/compile.js";
import { ortModule } from "../../src/runtime/node/ort-module.js";
import { sessionThreads } from "../../src/runtime/node/threads.js";
import { GraphSession, type OrtModule } from "../../src/runtime/ort.js";

const ELEMENTS = 2 ** 24;
const MIB = 2 ** 20;

/** A session of x + 1 and 2x, and what feeds it. */
async function open(runtime: OrtModule) {
  const x = input(new Graph(), "x", [ELEMENTS]);
  const graph = compileToOnnx({ sum: add(x, 1), double: mul(x, 2) });
  const session = await GraphSession.create(runtime, graph, { threads: 1 });
  return {
    session,
    feeds: new Map([["x", { shape: [ELEMENTS], data: new Float32Array(ELEMENTS).fill(3) }]]),
  };
}

/** What a run adds to the memory of arrays, in MiB, with an array given for `sum`. */
async function addedMemory(runtime: OrtModule): Promise<number> {
  const { session, feeds } = await open(runtime);
  const given = new Float32Array(ELEMENTS);
  const before = process.memoryUsage().arrayBuffers;
  const outputs = await session.run(feeds, new Map([["sum", given]]));
  const added = (process.memoryUsage().arrayBuffers - before) / MIB;
  expect(outputs.get("sum")!.data).toBe(given);
  expect(given[ELEMENTS - 1]).toBe(4);
  await session.close();
  return added;
}

it("fills a given array without another copy, which onnxruntime-node makes", async () => {
  expect(await addedMemory(ort as OrtModule)).toBeGreaterThan(60);
  expect(await addedMemory(ortModule)).toBeLessThan(4);
});

it("answers with some outputs, given arrays or not, and in any order", async () => {
  const { session, feeds } = await open(ortModule);
  const given = new Float32Array(ELEMENTS);
  const outputs = await session.run(
    feeds,
    new Map([
      ["double", undefined],
      ["sum", given],
    ]),
  );
  expect([...outputs.keys()]).toEqual(["double", "sum"]);
  expect([outputs.get("double")!.data[5], given[5]]).toEqual([6, 4]);
  const again = await session.run(feeds, new Map([["double", given]]));
  expect([again.size, given[5]]).toEqual([1, 6]);
  await session.close();
});

it("passes on what goes wrong in a run", async () => {
  const { session } = await open(ortModule);
  const short = new Map([["x", { shape: [2], data: new Float32Array(2) }]]);
  await expect(session.run(short, new Map([["sum", undefined]]))).rejects.toThrow();
  await session.close();
});

it("refuses a release that stops at the seal without having filled the arrays", async () => {
  const { session, feeds } = await open(ortModule);
  await session.close();
  const create = vi.spyOn(ort.InferenceSession, "create").mockResolvedValue({
    run: () => Promise.reject(new Error("Non tensor type is temporarily not supported.")),
  } as unknown as ort.InferenceSession);
  try {
    const unfilled = await open(ortModule);
    await expect(unfilled.session.run(feeds, new Map([["sum", undefined]]))).rejects.toMatchObject({
      code: "E_RUNTIME",
      message: expect.stringContaining("does not fill"),
    });
  } finally {
    create.mockRestore();
  }
});

it("leaves the number of threads to ONNX Runtime, or gives one for each core", () => {
  expect(sessionThreads(3)).toEqual({ intraOpNumThreads: 3 });
  expect([{}, { intraOpNumThreads: availableParallelism() }]).toContainEqual(sessionThreads(0));
});
