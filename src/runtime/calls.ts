import { PixcycleError, restoreError, type SentError, sendError } from "../errors.js";
import type { FileTensor } from "../formats/tensor.js";

/** Calling the methods of an object that lives in another thread, whatever kind of thread that is. */

export interface Call {
  readonly id: number;
  readonly method: string;
  readonly args: readonly unknown[];
}

/** The answer to a call; id −1 carries a failure to start. */
export type Reply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: SentError };

interface Pending {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

/**
 * The buffers of an answer that is a state, the only one that is a Map: whoever answers has collected it in arrays of its own, so that they
 * are handed over with the message instead of being copied twice on the way.
 */
export function buffersOfState(reply: Reply): ArrayBuffer[] {
  if (!("value" in reply && reply.value instanceof Map)) return [];
  const tensors = [...reply.value.values()] as FileTensor[];
  return [...new Set(tensors.map(({ data }) => data.buffer as ArrayBuffer))];
}

/** The calling side. Its owner passes replies to `settle` and the thread's end to `fail`. */
export class RemoteObject {
  private readonly pending = new Map<number, Pending>();
  private readonly listeners: ((error: Error) => void)[] = [];
  private failure: Error | undefined;
  private nextId = 0;

  /** @param post sends a call to the thread */
  constructor(private readonly post: (call: Call) => void) {}

  method<A extends unknown[], R>(method: string): (...args: A) => Promise<R> {
    return (...args) =>
      new Promise<R>((resolve, reject) => {
        if (this.failure) {
          reject(this.failure);
          return;
        }
        const id = this.nextId++;
        this.pending.set(id, { resolve, reject });
        this.post({ id, method, args });
      });
  }

  /** Calls `close` of the object once; later calls are refused. */
  async close(): Promise<void> {
    if (this.failure) return;
    const closing = this.method<[], void>("close")();
    this.failure = new PixcycleError("E_RUNTIME", "The model was closed.");
    await closing;
  }

  settle(reply: Reply): void {
    if ("error" in reply && reply.id < 0) {
      this.fail(restoreError(reply.error));
      return;
    }
    const pending = this.pending.get(reply.id)!;
    this.pending.delete(reply.id);
    if ("error" in reply) pending.reject(restoreError(reply.error));
    else pending.resolve(reply.value as never);
  }

  fail(error: Error): void {
    this.failure ??= error;
    for (const { reject } of this.pending.values()) reject(this.failure);
    this.pending.clear();
    for (const listener of this.listeners) listener(this.failure);
  }

  /** Told of the thread's end, or of its failure to start. */
  onFailure(listener: (error: Error) => void): void {
    this.listeners.push(listener);
  }
}

/**
 * The answering side: calls go to the methods of `target`, one after the other, since a step must not see half of
 * another's update.
 * @returns takes a call, and resolves when it was answered
 */
export function answerCalls(target: object, reply: (message: Reply) => void): (call: Call) => Promise<void> {
  let queue = Promise.resolve();
  return ({ id, method, args }) => {
    queue = queue.then(async () => {
      try {
        const call = Reflect.get(target, method) as (...args: readonly unknown[]) => Promise<unknown>;
        reply({ id, value: await call.apply(target, [...args]) });
      } catch (error) {
        reply({ id, error: sendError(error) });
      }
    });
    return queue;
  };
}
