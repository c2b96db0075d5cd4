import type { SentError } from "../errors.js";
import type { LoadedBatch } from "./batch.js";
import type { ImageBudget, KeptImage } from "./image-memory.js";
import type { DatasetFiles } from "./layout.js";
import type { DatasetOptions } from "./sample.js";

/** What a loading thread is started with. */
export interface LoaderWorkerData {
  readonly options: DatasetOptions;
  readonly files: DatasetFiles;
  readonly budget: ImageBudget;
}

/** To a loading thread: a batch to load, images that other threads have decoded, or the end. */
export type LoaderRequest =
  | {
      readonly kind: "load";
      readonly id: number;
      readonly epoch: number;
      readonly indices: readonly number[];
    }
  | { readonly kind: "images"; readonly images: readonly KeptImage[] }
  | { readonly kind: "close" };

/** From a loading thread. */
export type LoaderReply =
  | {
      readonly id: number;
      readonly batch: LoadedBatch;
      /** What was decoded for it and is kept. */
      readonly images: readonly KeptImage[];
    }
  | { readonly id: number; readonly error: SentError };
