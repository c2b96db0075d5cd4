import { PixcycleError } from "../errors.js";
import type { FloatTensor } from "../formats/tensor.js";

/** A translation that needs no network; whatever a trained model scores is worth only what it gains on these. */
export interface Baseline {
  readonly name: string;
  /** Translates one image [C, H, W] in [−1, 1]. */
  translate(input: FloatTensor): FloatTensor;
}

/** An input and its truth, [C, H, W] in [−1, 1] with equal H and W. */
export interface ImagePair {
  readonly input: FloatTensor;
  readonly output: FloatTensor;
}

/** The input itself, unchanged. */
export const identityBaseline: Baseline = { name: "identity", translate: (input) => input };

/** 1: an affine map of the pixel's channels; 2: their squares and products too. */
type RegressionDegree = 1 | 2;

/**
 * Colour regression: every output pixel is a fixed function of the input pixel's colour alone, fitted to training
 * pairs by least squares. With C input channels, degree 1 has C + 1 features and degree 2, the default and the
 * stronger baseline, (C + 1)(C + 2) / 2; outputs are clamped to [−1, 1].
 *
 * @throws PixcycleError E_DATA_EMPTY without pairs, E_SHAPE for pairs of different sizes or channel counts
 */
export async function fitColourRegression(
  pairs: Iterable<ImagePair> | AsyncIterable<ImagePair>,
  degree: RegressionDegree = 2,
): Promise<Baseline> {
  let fit: NormalEquations | undefined;
  for await (const { input, output } of pairs) {
    fit ??= new NormalEquations(channelsOf(input), channelsOf(output), degree);
    fit.add(input, output);
  }
  if (fit === undefined) {
    throw new PixcycleError("E_DATA_EMPTY", "The colour regression needs at least one training pair.");
  }
  return regression(fit.solve(), fit.inputChannels, fit.outputChannels, degree);
}

function regression(
  weights: Float64Array,
  inputChannels: number,
  outputChannels: number,
  degree: RegressionDegree,
): Baseline {
  const features = featureCount(inputChannels, degree);
  return {
    name: "regression",
    translate(input) {
      const [channels, height = 0, width = 0] = input.shape;
      if (channels !== inputChannels) {
        throw new PixcycleError(
          "E_SHAPE",
          `The regression was fitted on ${inputChannels} channels, not ${channels}.`,
        );
      }
      const plane = height * width;
      const out = new Float32Array(outputChannels * plane);
      const f = new Float64Array(features);
      for (let pixel = 0; pixel < plane; pixel++) {
        pixelFeatures(input.data, pixel, plane, inputChannels, degree, f);
        for (let c = 0; c < outputChannels; c++) {
          let sum = 0;
          for (let k = 0; k < features; k++) sum += f[k]! * weights[k * outputChannels + c]!;
          out[c * plane + pixel] = Math.min(1, Math.max(-1, sum));
        }
      }
      return { shape: [outputChannels, height, width], data: out };
    },
  };
}

function channelsOf(image: FloatTensor): number {
  return image.shape[0]!;
}

function featureCount(channels: number, degree: RegressionDegree): number {
  return degree === 1 ? channels + 1 : ((channels + 1) * (channels + 2)) / 2;
}

/** Writes 1, the channels and, for degree 2, their products of one pixel into `out`. */
function pixelFeatures(
  data: Float32Array,
  pixel: number,
  plane: number,
  channels: number,
  degree: RegressionDegree,
  out: Float64Array,
): void {
  let k = 0;
  out[k++] = 1;
  for (let c = 0; c < channels; c++) out[k++] = data[c * plane + pixel]!;
  if (degree === 1) return;
  for (let i = 1; i <= channels; i++) {
    for (let j = i; j <= channels; j++) out[k++] = out[i]! * out[j]!;
  }
}

/** XᵀX and XᵀY, summed pixel by pixel. */
class NormalEquations {
  private readonly features: number;
  private readonly gram: Float64Array;
  private readonly moments: Float64Array;

  constructor(
    readonly inputChannels: number,
    readonly outputChannels: number,
    private readonly degree: RegressionDegree,
  ) {
    this.features = featureCount(inputChannels, degree);
    this.gram = new Float64Array(this.features ** 2);
    this.moments = new Float64Array(this.features * outputChannels);
  }

  add(input: FloatTensor, output: FloatTensor): void {
    const [, height = 0, width = 0] = input.shape;
    const plane = height * width;
    const fits = channelsOf(input) === this.inputChannels && channelsOf(output) === this.outputChannels;
    if (!fits || output.shape[1] !== height || output.shape[2] !== width) {
      throw new PixcycleError(
        "E_SHAPE",
        `Regression pairs must agree: [${input.shape.join(", ")}] and [${output.shape.join(", ")}].`,
      );
    }
    const { features, gram, moments, outputChannels } = this;
    const f = new Float64Array(features);
    for (let pixel = 0; pixel < plane; pixel++) {
      pixelFeatures(input.data, pixel, plane, this.inputChannels, this.degree, f);
      for (let i = 0; i < features; i++) {
        const fi = f[i]!;
        for (let j = 0; j <= i; j++) gram[i * features + j]! += fi * f[j]!;
        for (let c = 0; c < outputChannels; c++) {
          moments[i * outputChannels + c]! += fi * output.data[c * plane + pixel]!;
        }
      }
    }
  }

  /**
   * Solves XᵀX·W = XᵀY by Cholesky. A relative ridge of 1e-9 decides between equal solutions where features depend
   * on each other, as in gray images stored as RGB; elsewhere it changes nothing that eight bits could show.
   */
  solve(): Float64Array {
    const { features: n, outputChannels: m } = this;
    const factor = this.gram.slice();
    const ridge = 1e-9 * factor[0]!;
    for (let i = 0; i < n; i++) factor[i * n + i]! += ridge;
    for (let i = 0; i < n; i++) {
      for (let j = 0; j <= i; j++) {
        let sum = factor[i * n + j]!;
        for (let k = 0; k < j; k++) sum -= factor[i * n + k]! * factor[j * n + k]!;
        factor[i * n + j] = i === j ? Math.sqrt(sum) : sum / factor[j * n + j]!;
      }
    }
    const weights = this.moments.slice();
    for (let c = 0; c < m; c++) {
      for (let i = 0; i < n; i++) {
        let sum = weights[i * m + c]!;
        for (let k = 0; k < i; k++) sum -= factor[i * n + k]! * weights[k * m + c]!;
        weights[i * m + c] = sum / factor[i * n + i]!;
      }
      for (let i = n - 1; i >= 0; i--) {
        let sum = weights[i * m + c]!;
        for (let k = i + 1; k < n; k++) sum -= factor[k * n + i]! * weights[k * m + c]!;
        weights[i * m + c] = sum / factor[i * n + i]!;
      }
    }
    return weights;
  }
}
