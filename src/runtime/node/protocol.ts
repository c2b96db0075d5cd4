import type { ModelOptions } from "../../options/schema.js";
import type { SessionSettings } from "../ort.js";
import type { GeneratorSetup } from "../translator.js";

/** What the worker thread is started with: a model in training, or one generator. */
export type WorkerSetup = { readonly settings: SessionSettings } & (
  | { readonly kind: "model"; readonly options: ModelOptions }
  | { readonly kind: "generator"; readonly generator: GeneratorSetup }
);
