import type { ModelOptions } from "../options/schema.js";
import type { RunnerSettings } from "./model-engine.js";

/** What the web worker of a training is started with. */
export interface TrainingSetup {
  readonly kind: "model";
  readonly options: ModelOptions;
  readonly settings: RunnerSettings;
}
