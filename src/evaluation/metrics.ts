import { PixcycleError } from "../errors.js";
import type { FloatTensor } from "../formats/tensor.js";

/**
 * Measures between two images of equal shape [C, H, W] in [−1, 1]. All of them work on the samples mapped to
 * [0, 1], (x + 1) / 2, as papers report them: L1 here is half of the training loss `G_L1 / lambda_L1`.
 */

/** The weights of the window that SSIM's local means are taken in. */
export type SsimWindow = "uniform" | "gaussian";

/** Mean absolute difference, 0 to 1. @throws PixcycleError E_SHAPE for different shapes */
export function l1(a: FloatTensor, b: FloatTensor): number {
  checkShapes(a, b);
  let sum = 0;
  for (let i = 0; i < a.data.length; i++) sum += Math.abs(a.data[i]! - b.data[i]!);
  return sum / (2 * a.data.length);
}

/**
 * Peak signal-to-noise ratio in dB, −10·log10(mean squared difference) for a peak of 1; Infinity for equal images.
 * @throws PixcycleError E_SHAPE for different shapes
 */
export function psnr(a: FloatTensor, b: FloatTensor): number {
  checkShapes(a, b);
  let sum = 0;
  for (let i = 0; i < a.data.length; i++) sum += (a.data[i]! - b.data[i]!) ** 2;
  return -10 * Math.log10(sum / (4 * a.data.length));
}

/**
 * Structural similarity (Wang et al. 2004), −1 to 1, averaged over pixels and then over channels.
 *
 * `uniform`, the default, is scikit-image's `structural_similarity(a, b, data_range=1, channel_axis=0)`: a 7×7 mean
 * and sample covariances. `gaussian` is the paper's definition, scikit-image's `gaussian_weights=True, sigma=1.5,
 * use_sample_covariance=False`: an 11×11 window. Only windows wholly inside the image count, in both.
 *
 * @throws PixcycleError E_SHAPE for different shapes, E_IMAGE_SIZE for images smaller than the window
 */
export function ssim(a: FloatTensor, b: FloatTensor, window: SsimWindow = "uniform"): number {
  const [channels, height, width] = checkShapes(a, b);
  const { weights, covarianceScale } = WINDOWS[window];
  if (height < weights.length || width < weights.length) {
    throw new PixcycleError(
      "E_IMAGE_SIZE",
      `SSIM needs images of at least ${weights.length}×${weights.length} pixels, not ${width}×${height}.`,
    );
  }
  const plane = height * width;
  let sum = 0;
  for (let c = 0; c < channels; c++) {
    const x = unitRange(a.data.subarray(c * plane, (c + 1) * plane));
    const y = unitRange(b.data.subarray(c * plane, (c + 1) * plane));
    sum += planeSsim(x, y, width, weights, covarianceScale);
  }
  return sum / channels;
}

const C1 = 0.01 ** 2;
const C2 = 0.03 ** 2;

const WINDOWS: Readonly<Record<SsimWindow, { weights: Float64Array; covarianceScale: number }>> = {
  uniform: { weights: new Float64Array(7).fill(1 / 7), covarianceScale: 49 / 48 },
  gaussian: { weights: gaussianWeights(1.5, 5), covarianceScale: 1 },
};

function gaussianWeights(sigma: number, radius: number): Float64Array {
  const weights = Float64Array.from({ length: 2 * radius + 1 }, (_, i) =>
    Math.exp(-((i - radius) ** 2) / (2 * sigma ** 2)),
  );
  const sum = weights.reduce((total, w) => total + w, 0);
  return weights.map((w) => w / sum);
}

/** SSIM of one plane in [0, 1]: the mean of equation 13 over the windows. */
function planeSsim(
  x: Float64Array,
  y: Float64Array,
  width: number,
  weights: Float64Array,
  covarianceScale: number,
): number {
  const meanOf = (values: Float64Array) => filterInside(values, width, weights);
  const meanX = meanOf(x);
  const meanY = meanOf(y);
  const meanXX = meanOf(x.map((v) => v * v));
  const meanYY = meanOf(y.map((v) => v * v));
  const meanXY = meanOf(x.map((v, i) => v * y[i]!));
  let sum = 0;
  for (let i = 0; i < meanX.length; i++) {
    const ux = meanX[i]!;
    const uy = meanY[i]!;
    const varianceX = covarianceScale * (meanXX[i]! - ux * ux);
    const varianceY = covarianceScale * (meanYY[i]! - uy * uy);
    const covariance = covarianceScale * (meanXY[i]! - ux * uy);
    sum +=
      ((2 * ux * uy + C1) * (2 * covariance + C2)) /
      ((ux * ux + uy * uy + C1) * (varianceX + varianceY + C2));
  }
  return sum / meanX.length;
}

/** Weighted means over the separable windows that lie wholly inside the plane. */
function filterInside(values: Float64Array, width: number, weights: Float64Array): Float64Array {
  const taps = weights.length;
  const outWidth = width - taps + 1;
  const height = values.length / width;
  const rows = new Float64Array(height * outWidth);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < outWidth; column++) {
      let sum = 0;
      for (let t = 0; t < taps; t++) sum += weights[t]! * values[row * width + column + t]!;
      rows[row * outWidth + column] = sum;
    }
  }
  const out = new Float64Array((height - taps + 1) * outWidth);
  for (let i = 0; i < out.length; i++) {
    let sum = 0;
    for (let t = 0; t < taps; t++) sum += weights[t]! * rows[i + t * outWidth]!;
    out[i] = sum;
  }
  return out;
}

function unitRange(plane: Float32Array): Float64Array {
  return Float64Array.from(plane, (v) => (v + 1) / 2);
}

function checkShapes(a: FloatTensor, b: FloatTensor): [channels: number, height: number, width: number] {
  const [channels, height, width] = a.shape;
  const equal = a.shape.length === b.shape.length && a.shape.every((size, i) => size === b.shape[i]);
  if (
    !equal ||
    a.shape.length !== 3 ||
    channels === undefined ||
    height === undefined ||
    width === undefined
  ) {
    throw new PixcycleError(
      "E_SHAPE",
      `Measures need two images of one shape [C, H, W], not [${a.shape.join(", ")}] and [${b.shape.join(", ")}].`,
    );
  }
  return [channels, height, width];
}
