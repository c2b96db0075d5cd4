import type { Shape } from "../graph/shape.js";
import type { Matrix } from "./cook-toom.js";
import type { OnnxEmitter } from "./emitter.js";
import { winogradForm } from "./winograd-forms.js";
import {
  type Border,
  coversInput,
  inputPixels,
  outputPixels,
  placesOfInput,
  placesOfOutput,
  storedSize,
  type Tiling,
  tiling,
} from "./winograd-tiling.js";

/**
 * Winograd's F(m×m, r×r) (Lavin and Gray, "Fast algorithms for convolutional neural networks", 2016):
 *
 *     conv2d(x, w)             → output( input(x) · kernel(w)ᵀ )
 *     convTranspose2d(dy, w)   → inputᵀ( outputᵀ(dy) · kernel(w) )
 *     convWeightGradient(x,dy) → kernelᵀ( outputᵀ(dy)ᵀ · input(x) )
 *
 * where input, kernel and output are linear maps between tiles of pixels and points, and each product is one matrix for each point. With
 * F(4×4, 3×3) an output tile of 4 × 4 pixels takes 36 multiplications per channel pair instead of 144. The last two are the adjoints of the
 * first, so input(x), kernel(w) and outputᵀ(dy) are made once (the emitter shares equal nodes).
 *
 * Pixels are gathered as rows of channels: moving whole rows costs little, and a transform is one product with a small matrix. Padding
 * by reflection is part of the gathering.
 */

/** Wherever it can be used, or only where it was measured to be faster. */
export type WinogradUse = "winograd" | "auto";

/** Fewer channels leave too little of a convolution's work to the products (measured). */
const FEWEST_CHANNELS = 64;
/** With smaller products, transforming the kernel costs more than it saves (measured: tiles · channels) … */
const SMALLEST_PRODUCTS = 2048;
/** … and the kernel of a phase, whose points are 6 times as many as its taps, needs more tiles. */
const FEWEST_TILES_OF_PHASES = 48;

/** A convolution, or a gradient of it. */
export interface WinogradProblem {
  readonly stride: number;
  readonly kernel: readonly number[];
  readonly border: Border;
  /** [N, C, H, W], without the border. */
  readonly x: Shape;
  /** [N, O, H′, W′] */
  readonly y: Shape;
}

/** Why a convolution of x to y, or a gradient of it, is not computed here; undefined where it is. */
export function refusesWinograd(
  use: WinogradUse,
  { stride, kernel, border, x, y }: WinogradProblem,
): string | undefined {
  const t = tilingOf({ stride, kernel, border, x, y });
  if (!t) return `there is no form for a kernel of ${kernel.join("×")} at stride ${stride}`;
  if (!coversInput(t)) return "it does not reach the last pixels";
  if (use === "winograd") return undefined;
  const channels = Math.min(t.inputs, t.outputs);
  if (channels < FEWEST_CHANNELS)
    return `it has ${channels} channels, and the direct form is faster below 64`;
  if (channels * t.tiles < SMALLEST_PRODUCTS || (stride > 1 && t.tiles < FEWEST_TILES_OF_PHASES))
    return `it has ${t.tiles} tiles, too few to pay`;
  return undefined;
}

function tilingOf({ stride, kernel, border, x, y }: WinogradProblem): Tiling | undefined {
  const channels = Math.min(x[1]!, y[1]!);
  const form = kernel[0] === kernel[1] ? winogradForm(kernel[0]!, stride, channels) : undefined;
  return form && tiling(form, border, x, y);
}

/** y = conv2d(x, w, bias). */
export function winogradConv(
  e: OnnxEmitter,
  [x, w, bias]: readonly string[],
  problem: WinogradProblem,
): string {
  const t = tilingOf(problem)!;
  const { points, phases, tile, outputOfPhases } = t.form;
  const kernel = kernelPoints(e, w!, t);
  const image = inputPoints(e, x!, t);
  const products = batched(e, image, kernel, { transB: 1 });
  const flat = e.reshape(products, [points * phases, t.tiles * t.outputs]);
  const tiles = e.one("Gemm", [matrix(e, outputOfPhases), flat]);
  const rows = e.reshape(tiles, [tile * tile * t.tiles, t.outputs]);
  const pixels = gatherRows(e, rows, indices(e, "y", t, placesOfOutput));
  return toImages(e, bias ? e.one("Add", [pixels, bias]) : pixels, t.outputSize, t.outputs, t);
}

/** dx = convTranspose2d(dy, w, bias): what reaches x [N, C, H, W] from dy through conv2d(x, w). */
export function winogradInputGradient(
  e: OnnxEmitter,
  [dy, w, bias]: readonly string[],
  problem: WinogradProblem,
): string {
  const t = tilingOf(problem)!;
  const { points, phases, input } = t.form;
  const kernel = kernelPoints(e, w!, t);
  // Every phase meets the same points of dy.
  const gradient = gradientPoints(e, dy!, t);
  const products =
    phases === 1
      ? batched(e, gradient, kernel, {})
      : batched(
          e,
          e.reshape(gradient, [points, 1, t.tiles, t.outputs]),
          e.reshape(kernel, [points, phases, t.outputs, t.inputs]),
          {},
        );
  const flat = e.reshape(products, [points, phases * t.tiles * t.inputs]);
  const windows = e.one("Gemm", [matrix(e, input), flat], { transA: 1 });
  const rows = e.reshape(windows, [points * phases * t.tiles, t.inputs]);
  const [first, ...overlaps] = e.once(`x ${t.key}`, () =>
    placesOfInput(t).map(({ sources, targets }) => ({
      sources: e.ints(sources),
      targets: e.reshape(e.ints(targets), [targets.length, 1]),
    })),
  );
  let sum = gatherRows(e, rows, first!.sources);
  for (const { sources, targets } of overlaps) {
    // No target occurs twice within one update, so that the threads of the operator do not meet.
    sum = e.one("ScatterND", [sum, targets, gatherRows(e, rows, sources)], { reduction: "add" });
  }
  return toImages(e, bias ? e.one("Add", [sum, bias]) : sum, t.inputSize, t.inputs, t);
}

/** dw [O, C, k, k] = convWeightGradient(x, dy). */
export function winogradWeightGradient(
  e: OnnxEmitter,
  [x, dy]: readonly string[],
  problem: WinogradProblem,
): string {
  const t = tilingOf(problem)!;
  const { points, phases, kernel } = t.form;
  const [gradient, image] = [gradientPoints(e, dy!, t), inputPoints(e, x!, t)];
  const products =
    phases === 1
      ? batched(e, gradient, image, { transA: 1 })
      : batched(
          e,
          e.reshape(gradient, [points, 1, t.tiles, t.outputs]),
          e.reshape(image, [points, phases, t.tiles, t.inputs]),
          { transA: 1 },
        );
  const flat = e.reshape(products, [points * phases, t.outputs * t.inputs]);
  // The second form is faster where the points are many (measured).
  const taps =
    phases === 1
      ? e.one("Gemm", [flat, matrix(e, kernel)], { transA: 1 })
      : e.transpose(e.one("Gemm", [matrix(e, kernel), flat], { transA: 1 }), [1, 0]);
  const flattened = [t.outputs * t.inputs, kernel[0]!.length];
  return e.view(taps, flattened, [t.outputs, t.inputs, ...problem.kernel]);
}

const matrix = (e: OnnxEmitter, rows: Matrix): string =>
  e.once(rows, () => e.floats(Float32Array.from(rows.flat()), [rows.length, rows[0]!.length]));

/** A product of matrices for each of the leading axes, which broadcast. */
const batched = (
  e: OnnxEmitter,
  a: string,
  b: string,
  turn: { readonly transA?: 1; readonly transB?: 1 },
): string =>
  Object.keys(turn).length === 0 ? e.one("MatMul", [a, b]) : e.one("com.microsoft.FusedMatMul", [a, b], turn);

/**
 * w [O, C, k, k] at the points: [points · phases, O, C], four times as large as w. They are made anew for each product: kept from the
 * first pass to the last, those of a CycleGAN would take 0.45 GB. Of a product's inputs, a run begins with the later one in the
 * model and all that it depends on, so that they come before the image's in the model, and wait for nothing in a run.
 */
function kernelPoints(e: OnnxEmitter, w: string, t: Tiling): string {
  const { kernel, points, phases } = t.form;
  const taps = e.reshape(w, [t.outputs * t.inputs, kernel[0]!.length]);
  const values = e.repeated(() => e.one("Gemm", [matrix(e, kernel), taps], { transB: 1 }));
  return e.reshape(values, [points * phases, t.outputs, t.inputs]);
}

/** x [N, C, H, W] at the points: [points · phases, tiles, C]. */
function inputPoints(e: OnnxEmitter, x: string, t: Tiling): string {
  const { input, points, phases } = t.form;
  const { mode, top, left, bottom, right } = t.border;
  const padded = mode === "reflect" ? x : e.pad(x, [0, 0, top, left], [0, 0, bottom, right]);
  const pixels = toRows(e, padded, storedSize(t), t.inputs, t);
  const windows = gatherRows(e, pixels, indices(e, "inputs", t, inputPixels));
  const flat = e.reshape(windows, [points, phases * t.tiles * t.inputs]);
  return e.reshape(e.one("Gemm", [matrix(e, input), flat]), [points * phases, t.tiles, t.inputs]);
}

/** dy [N, O, H′, W′] at the points: [points, tiles, O]. */
function gradientPoints(e: OnnxEmitter, dy: string, t: Tiling): string {
  const { tile, points, output } = t.form;
  const [height, width] = [t.rows * tile, t.columns * tile];
  const padded = e.pad(dy, [0, 0, 0, 0], [0, 0, height - t.outputSize[0], width - t.outputSize[1]]);
  const pixels = toRows(e, padded, [height, width], t.outputs, t);
  const tiles = gatherRows(e, pixels, indices(e, "outputs", t, outputPixels));
  const flat = e.reshape(tiles, [tile * tile, t.tiles * t.outputs]);
  return e.reshape(e.one("Gemm", [matrix(e, output), flat], { transA: 1 }), [points, t.tiles, t.outputs]);
}

/** [N, C, H, W] → [N · H · W, C]. */
function toRows(
  e: OnnxEmitter,
  x: string,
  [height, width]: readonly [number, number],
  channels: number,
  { batch }: Tiling,
): string {
  const pixels = e.transpose(e.reshape(x, [batch, channels, height * width]), [0, 2, 1]);
  return e.reshape(pixels, [batch * height * width, channels]);
}

/** [N · H · W, C] → [N, C, H, W]. */
function toImages(
  e: OnnxEmitter,
  rows: string,
  [height, width]: readonly [number, number],
  channels: number,
  { batch }: Tiling,
): string {
  const pixels = e.transpose(e.reshape(rows, [batch, height * width, channels]), [0, 2, 1]);
  return e.reshape(pixels, [batch, channels, height, width]);
}

const gatherRows = (e: OnnxEmitter, rows: string, indices: string): string =>
  e.one("Gather", [rows, indices], { axis: 0 });

/** A table of indices as a constant. Layers of equal geometry share it, and count it out once. */
const indices = (e: OnnxEmitter, title: string, t: Tiling, count: (t: Tiling) => number[]): string =>
  e.once(`${title} ${t.key}`, () => e.ints(count(t)));
