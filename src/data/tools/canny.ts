import { convertChannels, flattenOnWhite, maxValue } from "../channels.js";
import type { Image } from "../pixels.js";

export interface CannyOptions {
  /** Standard deviation of the smoothing, in pixels. */
  readonly sigma: number;
  /**
   * Contrast of a straight step, as a part of the range from black to white: an edge begins where it is `high`, and
   * goes on while it is `low`.
   */
  readonly low: number;
  readonly high: number;
}

export const CANNY_DEFAULTS: CannyOptions = { sigma: 1.4, low: 0.08, high: 0.2 };

/**
 * Edges of an image, one pixel wide, black on white, as gray of 8 bits. Gaussian smoothing, Sobel gradients,
 * suppression of what is not a maximum across the edge, hysteresis (J. Canny, "A Computational Approach to Edge
 * Detection", IEEE PAMI 8, 1986). The border counts as continued by its outermost pixels.
 */
export function detectEdges(image: Image, options: CannyOptions = CANNY_DEFAULTS): Image {
  const { width, height } = image;
  const gray = smooth(toGray(image), width, height, options.sigma);
  const gradient = sobel(gray, width, height);
  const thin = suppress(gradient, width, height);
  const edges = connect(thin, width, height, stepResponse(options.sigma, options));
  const data = Uint8Array.from(edges, (edge) => (edge === 1 ? 0 : 255));
  return { width, height, channels: 1, depth: 8, data };
}

/** Thresholds as gradients: what a straight step of these heights has at its middle after smoothing and Sobel. */
function stepResponse(sigma: number, { low, high }: CannyOptions): { low: number; high: number } {
  const kernel = gaussianKernel(sigma);
  const middle = kernel.length >> 1;
  const slope = (kernel[middle]! + kernel[middle + 1]!) / 2;
  return { low: low * slope, high: high * slope };
}

/** Luma from 0 to 1, blended on white. */
function toGray(image: Image): Float32Array {
  const flat = flattenOnWhite(image);
  const colours = flat.channels === 1 || flat.channels === 3 ? flat : firstChannel(flat);
  const { data, depth } = convertChannels(colours, 1);
  return Float32Array.from(data, (value) => value / maxValue(depth));
}

/** Images of many channels have no luma. */
function firstChannel(image: Image): Image {
  const data = image.data.filter((_, index) => index % image.channels === 0);
  return { ...image, channels: 1, data };
}

function gaussianKernel(sigma: number): Float64Array {
  const radius = Math.max(1, Math.ceil(3 * sigma));
  const kernel = Float64Array.from({ length: 2 * radius + 1 }, (_, i) =>
    Math.exp(-((i - radius) ** 2) / (2 * sigma * sigma)),
  );
  const sum = kernel.reduce((total, weight) => total + weight, 0);
  return kernel.map((weight) => weight / sum);
}

function smooth(input: Float32Array, width: number, height: number, sigma: number): Float32Array {
  const kernel = gaussianKernel(sigma);
  const rows = convolve(input, height, width, width, 1, kernel);
  return convolve(rows, width, height, 1, width, kernel);
}

/** Convolves `lines` lines of `length` samples; `line` and `step` are the distances between lines and samples. */
function convolve(
  input: Float32Array,
  lines: number,
  length: number,
  line: number,
  step: number,
  kernel: Float64Array,
): Float32Array {
  const radius = kernel.length >> 1;
  const out = new Float32Array(input.length);
  for (let l = 0; l < lines; l++) {
    for (let i = 0; i < length; i++) {
      let sum = 0;
      for (let k = -radius; k <= radius; k++) {
        const at = Math.min(Math.max(i + k, 0), length - 1);
        sum += kernel[k + radius]! * input[l * line + at * step]!;
      }
      out[l * line + i * step] = sum;
    }
  }
  return out;
}

interface Gradient {
  /** Change per pixel to the right and downwards. */
  readonly x: Float32Array;
  readonly y: Float32Array;
  readonly size: Float32Array;
}

/** Sobel's kernels divided by 8: a ramp of 1 per pixel has the gradient 1. */
function sobel(gray: Float32Array, width: number, height: number): Gradient {
  const x = new Float32Array(gray.length);
  const y = new Float32Array(gray.length);
  const size = new Float32Array(gray.length);
  for (let row = 0; row < height; row++) {
    const [up, here, down] = [
      Math.max(row - 1, 0) * width,
      row * width,
      Math.min(row + 1, height - 1) * width,
    ];
    for (let column = 0; column < width; column++) {
      const [left, right] = [Math.max(column - 1, 0), Math.min(column + 1, width - 1)];
      const [nw, n, ne] = [gray[up + left]!, gray[up + column]!, gray[up + right]!];
      const [sw, s, se] = [gray[down + left]!, gray[down + column]!, gray[down + right]!];
      const at = here + column;
      x[at] = (ne + 2 * gray[here + right]! + se - nw - 2 * gray[here + left]! - sw) / 8;
      y[at] = (sw + 2 * s + se - nw - 2 * n - ne) / 8;
      size[at] = Math.hypot(x[at]!, y[at]!);
    }
  }
  return { x, y, size };
}

/** Keeps gradients that are the largest across their edge, between neighbours interpolated in its direction. */
function suppress({ x, y, size }: Gradient, width: number, height: number): Float32Array {
  const out = new Float32Array(size.length);
  const sizeAt = (row: number, column: number) =>
    row < 0 || column < 0 || row >= height || column >= width ? 0 : size[row * width + column]!;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const at = row * width + column;
      const strength = size[at]!;
      if (strength === 0) continue;
      const [dx, dy] = [x[at]!, y[at]!];
      const steep = Math.abs(dy) > Math.abs(dx);
      const ratio = steep ? Math.abs(dx / dy) : Math.abs(dy / dx);
      const [sx, sy] = [Math.sign(dx), Math.sign(dy)];
      // Along the gradient lies a point between the next pixel of the longer axis and the diagonal one.
      const beside = (way: 1 | -1) => {
        const straight = steep ? sizeAt(row + way * sy, column) : sizeAt(row, column + way * sx);
        return straight * (1 - ratio) + sizeAt(row + way * sy, column + way * sx) * ratio;
      };
      // Of two equal neighbours one wins, so that the line is one pixel wide.
      if (strength > beside(1) && strength >= beside(-1)) out[at] = strength;
    }
  }
  return out;
}

/** Strong pixels, and weak ones that touch them directly or through others; 1 for an edge. */
function connect(
  thin: Float32Array,
  width: number,
  height: number,
  { low, high }: { readonly low: number; readonly high: number },
): Uint8Array {
  const edges = new Uint8Array(thin.length);
  const open: number[] = [];
  for (const [at, strength] of thin.entries()) {
    if (strength < high) continue;
    edges[at] = 1;
    open.push(at);
  }
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const [row, column] = [Math.floor(at / width), at % width];
    for (let r = Math.max(row - 1, 0); r <= Math.min(row + 1, height - 1); r++) {
      for (let c = Math.max(column - 1, 0); c <= Math.min(column + 1, width - 1); c++) {
        const next = r * width + c;
        if (edges[next] === 1 || thin[next]! < low) continue;
        edges[next] = 1;
        open.push(next);
      }
    }
  }
  return edges;
}
