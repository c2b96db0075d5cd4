import type { ModelOptions } from "../../options/schema.js";
import type { SessionSettings } from "../ort.js";
import type { GeneratorSetup } from "../translator.js";

/** What the worker thread is started with: a model in training, or one generator, in weights or exported to ONNX. */
export type WorkerSetup = { readonly settings: SessionSettings } & (
  | { readonly kind: "model"; readonly options: ModelOptions }
  | { readonly kind: "generator"; readonly generator: GeneratorSetup }
  | { readonly kind: "exported"; readonly model: Uint8Array }
);
