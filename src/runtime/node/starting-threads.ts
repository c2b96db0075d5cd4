import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import { PixcycleError } from "../../errors.js";
import { elements } from "../../graph/shape.js";
import { type StartingTensors, startingValues } from "../starting-values.js";
import { sharesOf } from "../update-helpers.js";
import { updateThreads } from "./update-threads.js";

/**
 * Makes a model's first values in other threads, while the calling one writes the graph and loads it. A small model's are made at once.
 * @param threads of the model; 0 stands for every core
 * @throws PixcycleError E_RUNTIME when a thread ends before its time
 */
export async function valuesInThreads(threads: number, wanted: StartingTensors): Promise<Float32Array[]> {
  const sizes = new Map(wanted.tensors.map(({ key, shape }) => [key, elements(shape)]));
  const shares = sharesOf(sizes, updateThreads(threads)).filter((keys) => keys.length > 0);
  if (shares.length < 2) return startingValues(wanted);
  const made = new Map<string, Float32Array>();
  const make = async (keys: ReadonlySet<string>): Promise<void> => {
    const tensors = wanted.tensors.filter(({ key }) => keys.has(key));
    const values = await valuesInThread({ ...wanted, tensors });
    for (const [i, { key }] of tensors.entries()) made.set(key, values[i]!);
  };
  await Promise.all(shares.map((keys) => make(new Set(keys))));
  return wanted.tensors.map(({ key }) => made.get(key)!);
}

function valuesInThread(wanted: StartingTensors): Promise<Float32Array[]> {
  const script = createRequire(import.meta.url).resolve("#starting-worker");
  return new Promise((resolve, reject) => {
    const worker = new Worker(script, { workerData: wanted, execArgv: [] });
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.once("exit", () =>
      reject(new PixcycleError("E_RUNTIME", "A thread that draws first weights has ended.")),
    );
  });
}
