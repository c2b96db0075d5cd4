import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import { PixcycleError, restoreError } from "../errors.js";
import type { LoadedBatch } from "./batch.js";
import type { BatchSource } from "./batches.js";
import type { KeptImage } from "./image-memory.js";
import type { LoaderReply, LoaderRequest, LoaderWorkerData } from "./loader-messages.js";

interface Waiting {
  resolve(batch: LoadedBatch): void;
  reject(error: PixcycleError): void;
}

/** One loading thread. It keeps the process alive only while something waits for it. */
class LoaderThread implements BatchSource {
  private readonly worker: Worker;
  private readonly waiting = new Map<number, Waiting>();
  private readonly exited: Promise<void>;
  private nextId = 0;
  private closing = false;
  private failure: PixcycleError | undefined;

  /** @param onImages is told what the thread has decoded and keeps, for the others */
  constructor(
    path: string,
    data: LoaderWorkerData,
    private readonly onImages: (from: LoaderThread, images: readonly KeptImage[]) => void,
  ) {
    // Without the flags of this process, of which some (--input-type) do not fit a worker's file.
    this.worker = new Worker(path, { workerData: data, execArgv: [] });
    this.worker.unref();
    this.worker.on("message", (reply: LoaderReply) => this.receive(reply));
    this.worker.on("error", (cause) => this.fail(asProblem(cause)));
    this.exited = new Promise((resolve) => {
      this.worker.on("exit", () => {
        this.fail(new PixcycleError("E_INTERNAL", "A loading thread has ended."));
        resolve();
      });
    });
  }

  load(epoch: number, indices: readonly number[]): Promise<LoadedBatch> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.ref();
      this.send({ kind: "load", id, epoch, indices });
    });
  }

  /** Lets the thread end what it has begun: it must not be cut off inside native code. */
  async close(): Promise<void> {
    this.closing = true;
    this.worker.ref();
    this.send({ kind: "close" });
    await this.exited;
  }

  /** Tells the thread what another one keeps. */
  share(images: readonly KeptImage[]): void {
    this.send({ kind: "images", images });
  }

  private send(request: LoaderRequest): void {
    this.worker.postMessage(request);
  }

  private receive(reply: LoaderReply): void {
    const waiting = this.waiting.get(reply.id);
    this.waiting.delete(reply.id);
    if (this.waiting.size === 0 && !this.closing) this.worker.unref();
    if ("batch" in reply) {
      if (reply.images.length > 0) this.onImages(this, reply.images);
      waiting?.resolve(reply.batch);
    } else waiting?.reject(asProblem(restoreError(reply.error)));
  }

  private fail(failure: PixcycleError): void {
    this.failure ??= failure;
    for (const { reject } of this.waiting.values()) reject(this.failure);
    this.waiting.clear();
  }
}

/** Problems of the data stay what they are; anything else is a fault of the thread. */
function asProblem(cause: Error): PixcycleError {
  if (cause instanceof PixcycleError) return cause;
  return new PixcycleError("E_INTERNAL", `A loading thread failed: ${cause.message}`, { cause });
}

function workerPath(): string {
  try {
    return createRequire(import.meta.url).resolve("#loader-worker");
  } catch (cause) {
    throw new PixcycleError("E_INTERNAL", "The loading thread's program is missing.", {
      hint: "Build the package with npm run build.",
      cause,
    });
  }
}

/** Starts loading threads; batches are handed to them in turn. */
export function startLoaderThreads(count: number, data: LoaderWorkerData): BatchSource {
  const path = workerPath();
  const threads: LoaderThread[] = [];
  const share = (from: LoaderThread, images: readonly KeptImage[]): void => {
    for (const thread of threads) if (thread !== from) thread.share(images);
  };
  for (let i = 0; i < count; i++) threads.push(new LoaderThread(path, data, share));
  let turn = 0;
  return {
    load: (epoch, indices) => threads[turn++ % count]!.load(epoch, indices),
    async close() {
      await Promise.all(threads.map((thread) => thread.close()));
    },
  };
}
