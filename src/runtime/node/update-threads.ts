import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { PixcycleError } from "../../errors.js";
import { flushesDenormals } from "../../nn/adam.js";
import { RemoteObject, type Reply } from "../calls.js";
import type { UpdateHelpers, UpdateTensors } from "../update-helpers.js";

/** An update waits for memory: more threads than this do not make it faster. */
const MOST_THREADS = 4;

/** How many threads share the work on weights, the model's own included; 0 stands for every core. */
export const updateThreads = (threads: number): number =>
  Math.min(threads || availableParallelism(), MOST_THREADS);

/** The buffers of tensors, to hand over with a message. */
export const buffersOf = (tensors: readonly UpdateTensors[]): ArrayBuffer[] =>
  tensors
    .flatMap(({ parameter, firstMoment, secondMoment, gradient }) => [
      parameter,
      firstMoment,
      secondMoment,
      gradient,
    ])
    .map(({ buffer }) => buffer as ArrayBuffer);

/**
 * Starts threads that help the calling one with updates. They inherit how it treats denormal numbers where the system hands
 * that on; a thread that differs is ended, since its updates would have other bits.
 * @param threads of the model, the calling one included; 0 stands for every core
 */
export async function startUpdateThreads(threads: number): Promise<UpdateHelpers> {
  const started = Array.from({ length: updateThreads(threads) - 1 }, startThread);
  const flushes = await Promise.all(
    started.map((remote) => remote.method<[], boolean>("flushesDenormals")()),
  );
  const remotes = started.filter((_, i) => flushes[i] === flushesDenormals());
  await Promise.all(started.filter((remote) => !remotes.includes(remote)).map((remote) => remote.close()));
  return {
    count: remotes.length,
    update: (helper, tensors, adam, scalars) =>
      remotes[helper]!.method<unknown[], UpdateTensors[]>("update")(tensors, adam, scalars),
    close: async () => {
      await Promise.all(remotes.map((remote) => remote.close()));
    },
  };
}

/** One thread, which answers one call after the other. It keeps the process alive only while it does. */
function startThread(): RemoteObject {
  const script = createRequire(import.meta.url).resolve("#update-worker");
  const worker = new Worker(script, { execArgv: [] });
  const remote = new RemoteObject((call) => {
    const tensors = call.method === "update" ? (call.args[0] as UpdateTensors[]) : [];
    worker.ref();
    worker.postMessage(call, buffersOf(tensors));
  });
  worker.on("message", (reply: Reply) => {
    worker.unref();
    remote.settle(reply);
  });
  worker.on("error", (error) => remote.fail(error));
  worker.on("exit", () =>
    remote.fail(new PixcycleError("E_RUNTIME", "A thread that updates weights has ended.")),
  );
  return remote;
}
