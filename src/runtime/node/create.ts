import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import { PixcycleError } from "../../errors.js";
import type { ModelOptions } from "../../options/schema.js";
import type { SessionSettings } from "../ort.js";
import type { ModelRunner } from "../runner.js";
import type { RunnerCall, RunnerReply, SentError, WorkerSetup } from "./protocol.js";

/**
 * Starts a model with fresh weights in a worker thread.
 * @throws PixcycleError from the runner's methods; `E_RUNTIME` when the thread dies.
 */
export function createRunner(options: ModelOptions, settings: SessionSettings = { threads: 0 }): ModelRunner {
  const setup: WorkerSetup = { options, settings };
  return new RemoteRunner(
    new Worker(createRequire(import.meta.url).resolve("#executor-worker"), { workerData: setup }),
  );
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Forwards the runner's methods to the worker thread. */
class RemoteRunner implements ModelRunner {
  private readonly pending = new Map<number, Pending>();
  private failure: Error | undefined;
  private closed = false;
  private nextId = 0;

  constructor(private readonly worker: Worker) {
    worker.on("message", (reply: RunnerReply) => this.settle(reply));
    worker.on("error", (error) => this.fail(error));
    worker.on("exit", (status) =>
      this.fail(new PixcycleError("E_RUNTIME", `The model's thread ended (status ${status}).`)),
    );
  }

  private settle(reply: RunnerReply): void {
    const pending = this.pending.get(reply.id)!;
    this.pending.delete(reply.id);
    if ("error" in reply) pending.reject(restore(reply.error));
    else pending.resolve(reply.value);
  }

  private fail(error: Error): void {
    this.failure ??= error;
    for (const { reject } of this.pending.values()) reject(this.failure);
    this.pending.clear();
  }

  private call<M extends keyof ModelRunner>(
    method: M,
    ...args: Parameters<ModelRunner[M]>
  ): ReturnType<ModelRunner[M]> {
    const id = this.nextId++;
    const result = new Promise((resolve, reject) => {
      if (this.failure) return reject(this.failure);
      this.pending.set(id, { resolve, reject });
      this.worker.postMessage({ id, method, args } as RunnerCall);
    });
    return result as ReturnType<ModelRunner[M]>;
  }

  step: ModelRunner["step"] = (...args) => this.call("step", ...args);
  gradients: ModelRunner["gradients"] = (...args) => this.call("gradients", ...args);
  apply: ModelRunner["apply"] = (...args) => this.call("apply", ...args);
  infer: ModelRunner["infer"] = (...args) => this.call("infer", ...args);
  saveState: ModelRunner["saveState"] = () => this.call("saveState");
  loadState: ModelRunner["loadState"] = (...args) => this.call("loadState", ...args);
  loadNetwork: ModelRunner["loadNetwork"] = (...args) => this.call("loadNetwork", ...args);

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    if (!this.failure) await this.call("close");
  }
}

function restore({ message, stack, code, hint }: SentError): Error {
  const error = code
    ? new PixcycleError(code, message, hint === undefined ? {} : { hint })
    : new Error(message);
  if (stack !== undefined) error.stack = stack;
  return error;
}
