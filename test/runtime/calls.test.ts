import { once } from "node:events";
import { MessageChannel } from "node:worker_threads";
import { expect, it } from "vitest";
import type { FileTensor } from "../../src/formats/tensor.js";
import { answerCalls, buffersOfState, RemoteObject, type Reply } from "../../src/runtime/calls.js";

const tensor = (...values: number[]): FileTensor => ({
  dtype: "F32",
  shape: [values.length],
  data: Float32Array.from(values),
});

it("hands a state over, also where tensors share a buffer", async () => {
  const shared = Float32Array.of(1, 2, 3);
  const state = new Map([
    ["own", tensor(4, 5)],
    ["first", { dtype: "F32", shape: [1], data: shared.subarray(0, 1) }],
    ["rest", { dtype: "F32", shape: [2], data: shared.subarray(1) }],
  ]);
  const { port1, port2 } = new MessageChannel();
  const remote = new RemoteObject((call) => answer(call));
  const answer = answerCalls({ saveState: async () => state }, (reply) =>
    port1.postMessage(reply, buffersOfState(reply)),
  );
  const received = once(port2, "message");
  const saved = remote.method<[], typeof state>("saveState")();
  const [reply] = (await received) as [Reply];
  remote.settle(reply);
  expect([...(await saved)].map(([name, { data }]) => [name, ...data])).toEqual([
    ["own", 4, 5],
    ["first", 1],
    ["rest", 2, 3],
  ]);
  expect([state.get("own")!.data.length, shared.length]).toEqual([0, 0]);
  port1.close();
});

it("hands nothing else over", () => {
  expect(buffersOfState({ id: 0, value: tensor(1) })).toEqual([]);
  expect(buffersOfState({ id: 0, value: undefined })).toEqual([]);
  expect(buffersOfState({ id: 0, error: { name: "Error", message: "x" } as never })).toEqual([]);
});
