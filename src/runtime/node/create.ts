import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import { PixcycleError, restoreError } from "../../errors.js";
import type { ModelOptions } from "../../options/schema.js";
import type { SessionSettings } from "../ort.js";
import type { ModelRunner } from "../runner.js";
import type { GeneratorRunner, GeneratorSetup } from "../translator.js";
import type { WorkerCall, WorkerReply, WorkerSetup } from "./protocol.js";

/**
 * Starts a model with fresh weights in a worker thread. Its methods throw `PixcycleError`, with `E_RUNTIME` when the
 * thread dies.
 */
export function createRunner(options: ModelOptions, settings: SessionSettings = { threads: 0 }): ModelRunner {
  const thread = new RemoteThread({ kind: "model", options, settings });
  return {
    step: thread.method("step"),
    gradients: thread.method("gradients"),
    apply: thread.method("apply"),
    infer: thread.method("infer"),
    saveState: thread.method("saveState"),
    loadState: thread.method("loadState"),
    loadNetwork: thread.method("loadNetwork"),
    close: () => thread.close(),
  };
}

/** Loads a generator in a worker thread, to translate with; errors as for `createRunner`. */
export function createGenerator(
  generator: GeneratorSetup,
  settings: SessionSettings = { threads: 0 },
): GeneratorRunner {
  const thread = new RemoteThread({ kind: "generator", generator, settings });
  return { translate: thread.method("translate"), close: () => thread.close() };
}

interface Pending {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

/** Calls methods of the object that lives in the worker thread. */
class RemoteThread {
  private readonly worker: Worker;
  private readonly pending = new Map<number, Pending>();
  private failure: Error | undefined;
  private nextId = 0;

  constructor(setup: WorkerSetup) {
    const script = createRequire(import.meta.url).resolve("#executor-worker");
    this.worker = new Worker(script, { workerData: setup });
    this.worker.on("message", (reply: WorkerReply) => this.settle(reply));
    this.worker.on("error", (error) => this.fail(error));
    this.worker.on("exit", () => this.fail(new PixcycleError("E_RUNTIME", "The model's thread has ended.")));
  }

  method<A extends unknown[], R>(method: string): (...args: A) => Promise<R> {
    return (...args) =>
      new Promise<R>((resolve, reject) => {
        if (this.failure) {
          reject(this.failure);
          return;
        }
        const id = this.nextId++;
        this.pending.set(id, { resolve, reject });
        this.worker.postMessage({ id, method, args } satisfies WorkerCall);
      });
  }

  /** Frees the model and ends the thread; later calls are refused. */
  async close(): Promise<void> {
    if (this.failure) return;
    const closing = this.method<[], void>("close")();
    this.failure = new PixcycleError("E_RUNTIME", "The model was closed.");
    await closing;
  }

  private settle(reply: WorkerReply): void {
    if ("error" in reply && reply.id < 0) {
      this.fail(restoreError(reply.error));
      return;
    }
    const pending = this.pending.get(reply.id)!;
    this.pending.delete(reply.id);
    if ("error" in reply) pending.reject(restoreError(reply.error));
    else pending.resolve(reply.value as never);
  }

  private fail(error: Error): void {
    this.failure ??= error;
    for (const { reject } of this.pending.values()) reject(this.failure);
    this.pending.clear();
  }
}
