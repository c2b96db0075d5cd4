/**
 * pixcycle as a library. Every function that can fail throws a `PixcycleError` with a stable code.
 *
 * @module
 */
export { decodeImage, encodeImage, type Image, type ImageFormat } from "./data/image.js";
export { ERROR_CODES, type ErrorCode, PixcycleError } from "./errors.js";
export type { OptionValues } from "./options/resolve.js";
export type { ModelName, OptionName, Options, PresetName } from "./options/schema.js";
export type {
  CheckpointEvent,
  EpochEvent,
  SampleEvent,
  StartEvent,
  StepEvent,
  TrainHooks,
} from "./training/hooks.js";
export type { TrainingPosition } from "./training/position.js";
export { type TrainControls, type TrainReport, train } from "./training/train.js";
export type { TrainingResult } from "./training/trainer.js";
export { type ExportedModel, type ExportModelOptions, exportModel } from "./translation/export.js";
export {
  type TranslatedImage,
  type TranslateFilesOptions,
  type TranslationRecord,
  translateFiles,
} from "./translation/folder.js";
export { type GeneratorWeights, loadTranslator, type TranslatorOptions } from "./translation/load.js";
export type { ImageSource, Preparation } from "./translation/prepare.js";
export type { TranslateRequest, Translator, TranslatorInfo } from "./translation/translator.js";
export { version } from "./version.js";
