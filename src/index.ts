/**
 * pixcycle as a library. Every function that can fail throws a `PixcycleError` with a stable code.
 *
 * Whole trainings: `train`, `distill`. Translation: `loadTranslator`, `translateFiles`, `exportModel`. For loops of your own:
 * `resolveOptions`, `createLoader`, `createRunner`.
 *
 * @module
 */
export type { Coding } from "./data/coding.js";
export {
  type Dataset,
  type DatasetOptions,
  openDataset,
  type Sample,
  type SamplePaths,
} from "./data/dataset.js";
export { decodeImage, encodeImage, type ImageFormat } from "./data/image.js";
export { createLoader, type LoadedBatch, type Loader, type LoaderOptions } from "./data/loader.js";
export { type Image, imageToTensor, tensorToImage } from "./data/pixels.js";
export type { Comparison, GeneratorCost } from "./distillation/compare.js";
export { type DistillControls, type DistillReport, distill } from "./distillation/distill.js";
export { ERROR_CODES, type ErrorCode, PixcycleError } from "./errors.js";
export { composeGrid, type GridOptions } from "./evaluation/grid.js";
export { l1, psnr, type SsimWindow, ssim } from "./evaluation/metrics.js";
export { encodeSafetensors } from "./formats/safetensors.js";
export type { FileDType, FileTensor, FloatTensor, TensorMap } from "./formats/tensor.js";
export { readTensorFile } from "./formats/tensor-file.js";
export { toFloatTensor } from "./formats/weights.js";
export { networkWeights } from "./networks/state-dict.js";
export {
  type OptionSources,
  type OptionValues,
  type ResolvedOptions,
  resolveOptions,
} from "./options/resolve.js";
export type { ModelName, ModelOptions, OptionName, Options, PresetName } from "./options/schema.js";
export { createRunner } from "./runtime/node/create.js";
export type { SessionSettings } from "./runtime/ort.js";
export type {
  Batch,
  InferRequest,
  ModelRunner,
  PhaseGradients,
  StepRequest,
  StepResult,
  StepSetup,
} from "./runtime/runner.js";
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
export type { Preparation } from "./translation/prepare.js";
export { type ExportedSite, type ExportSiteOptions, exportSite } from "./translation/site.js";
export type { SiteInfo } from "./translation/site-info.js";
export type { ImageSource } from "./translation/source.js";
export type { TranslateRequest, Translator, TranslatorInfo } from "./translation/translator.js";
export { version } from "./version.js";
