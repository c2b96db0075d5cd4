import { parentPort, workerData } from "node:worker_threads";
import { type StartingTensors, startingValues } from "../starting-values.js";

/** The body of a thread that makes a share of a model's first values, hands them over and ends. */

const values = startingValues(workerData as StartingTensors);
parentPort!.postMessage(
  values,
  values.map(({ buffer }) => buffer),
);
