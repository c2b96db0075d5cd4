import { type ErrorCode, PixcycleError } from "../errors.js";
import type { LoadedBatch } from "./batch.js";
import type { DatasetFiles } from "./layout.js";
import type { DatasetOptions } from "./sample.js";

/** What a loading thread is started with. */
export interface LoaderWorkerData {
  readonly options: DatasetOptions;
  readonly files: DatasetFiles;
}

/** To a loading thread: a batch to load, or the end. */
export type LoaderRequest =
  | {
      readonly kind: "load";
      readonly id: number;
      readonly epoch: number;
      readonly indices: readonly number[];
    }
  | { readonly kind: "close" };

/** From a loading thread. */
export type LoaderReply =
  | { readonly id: number; readonly batch: LoadedBatch }
  | { readonly id: number; readonly error: ErrorMessage };

/** An error as plain data: classes do not survive the way between threads. */
interface ErrorMessage {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string | undefined;
  readonly stack: string | undefined;
}

export function encodeError(error: unknown): ErrorMessage {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  if (error instanceof PixcycleError) return { code: error.code, message, hint: error.hint, stack };
  return { code: "E_INTERNAL", message: `A loading thread failed: ${message}`, hint: undefined, stack };
}

export function decodeError({ code, message, hint, stack }: ErrorMessage): PixcycleError {
  const error = new PixcycleError(code, message, hint === undefined ? {} : { hint });
  if (stack !== undefined) error.stack = stack;
  return error;
}
