import type { ErrorCode } from "../../errors.js";
import type { ModelOptions } from "../../options/schema.js";
import type { SessionSettings } from "../ort.js";
import type { ModelRunner } from "../runner.js";

/** What the worker is started with. */
export interface WorkerSetup {
  readonly options: ModelOptions;
  readonly settings: SessionSettings;
}

/** A call of one of the runner's methods. */
export type RunnerCall = {
  [M in keyof ModelRunner]: {
    readonly id: number;
    readonly method: M;
    readonly args: Parameters<ModelRunner[M]>;
  };
}[keyof ModelRunner];

/** An error as it crosses the thread boundary. */
export interface SentError {
  readonly message: string;
  readonly stack: string | undefined;
  readonly code: ErrorCode | undefined;
  readonly hint: string | undefined;
}

export type RunnerReply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: SentError };
