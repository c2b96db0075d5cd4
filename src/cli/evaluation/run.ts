import { decodeImage } from "../../data/image.js";
import { imageToTensor } from "../../data/pixels.js";
import { PixcycleError } from "../../errors.js";
import { type Baseline, fitColourRegression, identityBaseline } from "../../evaluation/baselines.js";
import { FeatureCollector } from "../../evaluation/distribution.js";
import { type EvaluatedImage, type Evaluation, evaluate } from "../../evaluation/evaluate.js";
import type { FeatureExtractor } from "../../evaluation/features.js";
import type { EvaluationReport } from "../../evaluation/report.js";
import type { LabelPalette } from "../../evaluation/segmentation.js";
import { openTestSet, type TestImage, type TestSet, type TestSetOptions } from "../../evaluation/test-set.js";
import { prepareImage } from "../../translation/prepare.js";
import type { OutputSource } from "./source.js";

/** What is scored, on what, and with which measures. */
export interface EvaluationRequest {
  readonly source: OutputSource;
  readonly data: TestSetOptions;
  /** The phase whose pairs the colour regression is fitted on. */
  readonly fitPhase: string;
  readonly features: FeatureExtractor | undefined;
  readonly palette: LabelPalette | undefined;
  readonly seed: number;
  readonly onImage: (done: number, total: number, name: string) => void;
}

/** The scores with their images, and what the report says of them. */
export interface EvaluationOutcome {
  readonly evaluation: Evaluation;
  readonly report: EvaluationReport;
}

/** The colour regression has some ten coefficients a channel: more images than this would not change it. */
const MOST_FITTED = 400;

/**
 * Translates a test set or takes its outputs, scores them and the baselines, and says how.
 * @throws PixcycleError E_OPTION for an unpaired set without features; E_DATA_…, E_IMAGE_…, E_SHAPE
 */
export async function runEvaluation(request: EvaluationRequest): Promise<EvaluationOutcome> {
  const { source, data, features, palette, seed } = request;
  const set = await openTestSet(data);
  if (!set.paired && features === undefined) {
    throw new PixcycleError("E_OPTION", `${data.dataroot} has no truth to compare with.`, {
      hint: "Give --features FILE.onnx for KID, or --aligned_truth where both sides have the same names.",
    });
  }
  const { baselines, described } = set.paired ? await openBaselines(request) : unpairedBaselines(source);
  const collector = features === undefined ? undefined : new FeatureCollector(features, seed);
  if (collector !== undefined && !set.paired) {
    for (const path of set.targets) await collector.addReal(await loadTarget(path, source));
  }
  const evaluation = await evaluate({
    ...{ method: source.name, baselines, images: translated(set, request) },
    ...(collector && { features: collector }),
    ...(palette && { palette }),
  });
  const { worst: _, best: __, ...results } = evaluation;
  const protocol = { ...describeData(request, set), ...describeMeasures(request, set, described) };
  return { evaluation, report: { method: source.name, ...results, protocol } };
}

async function* translated(
  { images }: TestSet,
  { source, onImage }: EvaluationRequest,
): AsyncGenerator<EvaluatedImage> {
  for (const [index, image] of images.entries()) {
    const { input, seen, truth } = await prepared(image, source);
    const output = await source.output(image.name, input);
    yield { name: image.name, input: seen, output, truth };
    onImage(index + 1, images.length, image.name);
  }
}

/** The input, what the model sees of it, and the truth sized likewise. */
async function prepared(image: TestImage, source: OutputSource) {
  const { input, truth } = await image.load();
  const { preparation, coding } = source;
  const sized = prepareImage(input, coding.inputChannels, preparation, image.name);
  return {
    input: sized,
    seen: imageToTensor(coding.show(coding.encode(sized), sized.depth)),
    truth: truth && imageToTensor(prepareImage(truth, coding.outputChannels, preparation, image.name)),
  };
}

async function loadTarget(path: string, { preparation, coding }: OutputSource) {
  return imageToTensor(prepareImage(await decodeImage(path), coding.outputChannels, preparation, path));
}

/** Identity has a meaning only where both sides have the same channels. */
function unpairedBaselines({ coding: { inputChannels, outputChannels } }: OutputSource) {
  const same = inputChannels === outputChannels;
  const baselines: Baseline[] = same ? [identityBaseline] : [];
  const described = same
    ? "identity: the input as it is"
    : `no identity: ${inputChannels} channels become ${outputChannels}`;
  return { baselines, described };
}

async function openBaselines(request: EvaluationRequest) {
  const { source, data, fitPhase } = request;
  const { baselines, described } = unpairedBaselines(source);
  const training = await openTestSet({ ...data, phase: fitPhase }).catch((error: unknown) => {
    if (error instanceof PixcycleError && error.code.startsWith("E_DATA_")) return undefined;
    throw error;
  });
  if (training?.paired !== true) {
    const none = `no colour regression: ${data.dataroot} has no pairs of phase ${fitPhase}`;
    return { baselines, described: `${described}; ${none}` };
  }
  const stride = Math.ceil(training.images.length / MOST_FITTED);
  const chosen = training.images.filter((_, i) => i % stride === 0);
  async function* pairs() {
    for (const image of chosen) {
      const { seen, truth } = await prepared(image, source);
      yield { input: seen, output: truth! };
    }
  }
  const regression = await fitColourRegression(pairs());
  const fitted = `colour regression of degree 2, fitted on ${chosen.length} of ${training.images.length} pairs of phase ${fitPhase}`;
  return { baselines: [...baselines, regression], described: `${described}; ${fitted}` };
}

function describeData({ source, data }: EvaluationRequest, set: TestSet): Record<string, string> {
  const { preprocess, load_size, crop_size } = source.preparation;
  const sized =
    preprocess === "none" ? "none" : `${preprocess}, load_size ${load_size}, crop_size ${crop_size}`;
  const truth = set.paired ? "with truth" : `unpaired, ${set.targets.length} real images of the target side`;
  return {
    outputs: source.description,
    data: `${data.dataroot}, phase ${data.phase}, ${data.direction}, all ${set.images.length} inputs, ${truth}`,
    preprocess: sized,
    ...(source.colorization && { colours: "RGB, of the input's lightness and the colours that were found" }),
  };
}

function describeMeasures(
  { features, palette }: EvaluationRequest,
  set: TestSet,
  baselines: string,
): Record<string, string> {
  const paired = {
    "L1, PSNR": "of values in [0, 1], rounded as in a file; means over images",
    SSIM: "7×7 uniform window, sample covariances, per channel (scikit-image's default)",
    baselines,
  };
  const [black, white] = features?.range ?? [];
  const distance = features && {
    features: `${features.name}, images resized to ${features.size}×${features.size} (PIL bicubic, 8 bits), black ${black}, white ${white}`,
    KID: "unbiased MMD², kernel (x·y/d + 1)³, 100 subsets of at most 1000, all at once where there are no more",
    Fréchet: "of means and covariances; biased upwards for few images: compare only equal counts",
  };
  const labels = palette && {
    segmentation: `${palette.length} classes by nearest colour, one count over all pixels of all images`,
  };
  return { ...(set.paired && paired), ...distance, ...labels };
}
