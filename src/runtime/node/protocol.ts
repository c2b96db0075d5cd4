import { type ErrorCode, PixcycleError } from "../../errors.js";
import type { ModelOptions } from "../../options/schema.js";
import type { SessionSettings } from "../ort.js";
import type { GeneratorSetup } from "../translator.js";

/** What the worker thread is started with: a model in training, or one generator. */
export type WorkerSetup = { readonly settings: SessionSettings } & (
  | { readonly kind: "model"; readonly options: ModelOptions }
  | { readonly kind: "generator"; readonly generator: GeneratorSetup }
);

/** A call of one of the object's methods. */
export interface WorkerCall {
  readonly id: number;
  readonly method: string;
  readonly args: readonly unknown[];
}

/** An error as it crosses the thread boundary. */
export interface SentError {
  readonly message: string;
  readonly stack: string | undefined;
  readonly code: ErrorCode | undefined;
  readonly hint: string | undefined;
}

/** The answer to a call; id −1 carries a failure to start. */
export type WorkerReply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: SentError };

export function sendError(error: unknown): SentError {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const known = error instanceof PixcycleError ? error : undefined;
  return { message, stack, code: known?.code, hint: known?.hint };
}

export function restoreError({ message, stack, code, hint }: SentError): Error {
  const error = code
    ? new PixcycleError(code, message, hint === undefined ? {} : { hint })
    : new Error(message);
  if (stack !== undefined) error.stack = stack;
  return error;
}
