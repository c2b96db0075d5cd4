import type { FloatTensor } from "../formats/tensor.js";
import { maxValue, newSamples } from "./channels.js";
import type { Image } from "./pixels.js";

/*
 * CIE L*a*b* (CIE 15) of sRGB images (IEC 61966-2-1) under D65 for the 2° observer. The constants are those that
 * scikit-image's rgb2lab and lab2rgb have, which the reference's colorization data set calls: white (0.95047, 1,
 * 1.08883), a matrix of six digits, and CIE's thresholds and slope rounded (0.008856, 7.787).
 */

const WHITE_X = 0.95047;
const WHITE_Z = 1.08883;

/** What the largest sample is, in f's terms: f(t) = t^(1/3), or a straight line for dark t. */
const DARK = 0.008856;
const DARK_F = 0.2068966;
const SLOPE = 7.787;
const OFFSET = 16 / 116;

const f = (t: number): number => (t > DARK ? Math.cbrt(t) : SLOPE * t + OFFSET);
const inverseF = (t: number): number => (t > DARK_F ? t * t * t : (t - OFFSET) / SLOPE);

/** sRGB's transfer function: a sample in [0, 1] to linear light, and back. */
const toLinear = (v: number): number => (v > 0.04045 ? ((v + 0.055) / 1.055) ** 2.4 : v / 12.92);
const fromLinear = (v: number): number => (v > 0.0031308 ? 1.055 * v ** (1 / 2.4) - 0.055 : v * 12.92);

const linearTables: { 8?: Float64Array; 16?: Float64Array } = {};

/** Linear light of every sample value. */
function linearTable(depth: 8 | 16): Float64Array {
  const max = maxValue(depth);
  linearTables[depth] ??= Float64Array.from({ length: max + 1 }, (_, v) => toLinear(v / max));
  return linearTables[depth];
}

/**
 * An RGB image as L*, a*, b*: [3, H, W] with L* in [0, 100] and a*, b* within ±110 or so, from all the bits that its
 * samples have.
 */
export function imageToLab({ width, height, depth, data }: Image): FloatTensor {
  const plane = width * height;
  const out = new Float32Array(3 * plane);
  const linear = linearTable(depth);
  for (let pixel = 0; pixel < plane; pixel++) {
    const r = linear[data[3 * pixel]!]!;
    const g = linear[data[3 * pixel + 1]!]!;
    const b = linear[data[3 * pixel + 2]!]!;
    const x = f((0.412453 * r + 0.35758 * g + 0.180423 * b) / WHITE_X);
    const y = f(0.212671 * r + 0.71516 * g + 0.072169 * b);
    const z = f((0.019334 * r + 0.119193 * g + 0.950227 * b) / WHITE_Z);
    out[pixel] = 116 * y - 16;
    out[plane + pixel] = 500 * (x - y);
    out[2 * plane + pixel] = 200 * (y - z);
  }
  return { shape: [3, height, width], data: out };
}

/** Linear light of a colour, outside [0, 1] for one that sRGB does not have; written into `out`. */
function linearOfLab(L: number, a: number, b: number, out: Float64Array): void {
  const fy = (L + 16) / 116;
  const x = inverseF(a / 500 + fy) * WHITE_X;
  const y = inverseF(fy);
  const z = inverseF(Math.max(0, fy - b / 200)) * WHITE_Z;
  // The inverse of the matrix above.
  out[0] = 3.2404813432005266 * x - 1.5371515162713183 * y - 0.4985363261688878 * z;
  out[1] = -0.9692549499965682 * x + 1.8759900014898907 * y + 0.04155592655829284 * z;
  out[2] = 0.05564663913517717 * x - 0.20404133836651123 * y + 1.0573110696453443 * z;
}

/** Linear light to samples in [0, 1], in place; what is outside is cut off, channel by channel. */
function encode(colour: Float64Array): void {
  for (let c = 0; c < 3; c++) colour[c] = Math.min(Math.max(fromLinear(colour[c]!), 0), 1);
}

/**
 * One colour as sRGB samples in [0, 1]. Channels of a colour that sRGB does not have are cut off, as scikit-image
 * does; that changes its lightness and hue.
 */
export function labToRgb(L: number, a: number, b: number): [r: number, g: number, b: number] {
  const colour = new Float64Array(3);
  linearOfLab(L, a, b, colour);
  encode(colour);
  return [colour[0]!, colour[1]!, colour[2]!];
}

/** White itself is 0.8·10⁻⁴ over, by the digits of the matrix; rounding of 32-bit colours gives some 10⁻⁷ below. */
const isInSrgb = (colour: Float64Array): boolean =>
  colour.every((value) => value >= -1e-6 && value <= 1 + 1e-4);

/** Halvings of the chroma's interval: finer than a level of 16 bits. */
const HALVINGS = 18;

/** As `linearOfLab`, with the largest part of the chroma at which sRGB has the colour: L* and hue stay. */
function linearInSrgb(L: number, a: number, b: number, out: Float64Array): void {
  linearOfLab(L, a, b, out);
  if (isInSrgb(out)) return;
  let inside = 0;
  let outside = 1;
  for (let i = 0; i < HALVINGS; i++) {
    const part = (inside + outside) / 2;
    linearOfLab(L, part * a, part * b, out);
    if (isInSrgb(out)) inside = part;
    else outside = part;
  }
  linearOfLab(L, inside * a, inside * b, out);
}

/**
 * L*, a*, b* [3, H, W] as an RGB image. A colour that sRGB does not have becomes less colourful, with the same
 * lightness and hue: cutting off its channels, as scikit-image does, would darken what is light.
 */
export function labToImage({ shape, data }: FloatTensor, depth: 8 | 16): Image {
  const [, height = 0, width = 0] = shape;
  const plane = width * height;
  const max = maxValue(depth);
  const out = newSamples(depth, 3 * plane);
  const colour = new Float64Array(3);
  for (let pixel = 0; pixel < plane; pixel++) {
    linearInSrgb(data[pixel]!, data[plane + pixel]!, data[2 * plane + pixel]!, colour);
    encode(colour);
    for (let c = 0; c < 3; c++) out[3 * pixel + c] = Math.round(colour[c]! * max);
  }
  return { width, height, channels: 3, depth, data: out };
}

/** L* [H, W] as the gray image of the same lightness. */
export function lightnessToImage({ shape, data }: FloatTensor, depth: 8 | 16): Image {
  const [height = 0, width = 0] = shape;
  const max = maxValue(depth);
  const out = newSamples(depth, width * height);
  for (let pixel = 0; pixel < out.length; pixel++) {
    const light = fromLinear(inverseF((data[pixel]! + 16) / 116));
    out[pixel] = Math.round(Math.min(Math.max(light, 0), 1) * max);
  }
  return { width, height, channels: 1, depth, data: out };
}
