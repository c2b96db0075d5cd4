import { parentPort, workerData } from "node:worker_threads";
import sharp from "sharp";
import { sendError } from "../errors.js";
import { loadBatch } from "./batch.js";
import { fileDataset } from "./dataset.js";
import { ImageMemory } from "./image-memory.js";
import type { LoaderReply, LoaderRequest, LoaderWorkerData } from "./loader-messages.js";

/** The body of a loading thread: loads the batches that it is asked for. */

const port = parentPort!;
const { options, files, budget } = workerData as LoaderWorkerData;
const memory = new ImageMemory(budget);
const dataset = fileDataset(options, files, memory);
// Several images are decoded at once already; more threads for each would only take cores from the training.
sharp.concurrency(1);

async function load(id: number, epoch: number, indices: readonly number[]): Promise<void> {
  try {
    const batch = await loadBatch(dataset, epoch, indices);
    const reply: LoaderReply = { id, batch, images: memory.takeFresh() };
    port.postMessage(reply, [
      batch.real_A.data.buffer as ArrayBuffer,
      batch.real_B.data.buffer as ArrayBuffer,
    ]);
  } catch (error) {
    const reply: LoaderReply = { id, error: sendError(error) };
    port.postMessage(reply);
  }
}

port.on("message", (request: LoaderRequest) => {
  if (request.kind === "close") port.close();
  else if (request.kind === "images") memory.add(request.images);
  else void load(request.id, request.epoch, request.indices);
});
