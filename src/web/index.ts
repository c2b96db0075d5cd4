/**
 * pixcycle in web pages: `import { loadTranslator, train } from "pixcycle/web"`.
 *
 * @module
 */
export type { Image } from "../data/pixels.js";
export { ERROR_CODES, type ErrorCode, PixcycleError } from "../errors.js";
export type { Preparation } from "../translation/prepare.js";
export { version } from "../version.js";
export { createRunner, type PageRunnerSettings } from "./create-runner.js";
export type { LoadedGenerator } from "./engine.js";
export type { TrainingImage, TrainingImages } from "./images.js";
export type { Device } from "./runtime.js";
export type { PixelSource } from "./source.js";
export { train, type WebTrainControls, WebTraining } from "./train.js";
export type {
  TrainingEnd,
  TrainingInfo,
  WebCheckpointEvent,
  WebSampleEvent,
  WebTrainHooks,
  WebTrainOptions,
} from "./training-setup.js";
export { loadTranslator, WebTranslator, type WebTranslatorOptions } from "./translator.js";
