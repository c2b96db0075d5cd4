import { parentPort } from "node:worker_threads";
import { type AdamOptions, type AdamScalars, adamUpdateInPlace, flushesDenormals } from "../../nn/adam.js";
import { answerCalls, type Call } from "../calls.js";
import type { UpdateTensors } from "../update-helpers.js";
import { buffersOf } from "./update-threads.js";

/** The body of a thread that takes a share of every update. */

const port = parentPort!;

const updater = {
  flushesDenormals,
  update(tensors: UpdateTensors[], adam: AdamOptions, scalars: AdamScalars<number>): UpdateTensors[] {
    for (const { gradient, ...state } of tensors) adamUpdateInPlace(state, gradient, adam, scalars);
    return tensors;
  },
  close: () => undefined,
};

const answer = answerCalls(updater, (reply) =>
  port.postMessage(reply, "value" in reply && Array.isArray(reply.value) ? buffersOf(reply.value) : []),
);
port.on("message", async (call: Call) => {
  await answer(call);
  if (call.method === "close") port.close();
});
