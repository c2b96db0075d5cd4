import type { SentError } from "../../errors.js";
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

/** The answer to a call; id −1 carries a failure to start. */
export type WorkerReply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: SentError };
