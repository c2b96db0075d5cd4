import type { ConvAttributes, Padding2d } from "../graph/ops.js";
import type { Shape } from "../graph/shape.js";
import { cookToom, kronecker, type Matrix } from "./cook-toom.js";
import type { OnnxEmitter } from "./emitter.js";

/**
 * Winograd's F(4×4, 3×3) (Lavin and Gray, "Fast algorithms for convolutional neural networks", 2016):
 *
 *     conv2d(x, w)             → output( input(x) · kernel(w)ᵀ )
 *     convTranspose2d(dy, w)   → inputᵀ( outputᵀ(dy) · kernel(w) )
 *     convWeightGradient(x,dy) → kernelᵀ( outputᵀ(dy)ᵀ · input(x) )
 *
 * where input, kernel and output are linear maps between tiles of pixels and 36 points, and each product is one of 36
 * matrices. An output tile of 4 × 4 pixels takes 36 multiplications per channel pair instead of 144. The last two are the adjoints of the
 * first, so input(x), kernel(w) and outputᵀ(dy) are made once (the emitter shares equal nodes).
 *
 * Pixels are gathered as rows of channels: moving whole rows costs little, and a transform is one product with a small matrix.
 */

const TILE = 4;
const WINDOW = 6;
const POINTS = WINDOW * WINDOW;

/** Rounding errors are half as large as at the usual points 0, ±1, ±2; found by a search for the smallest amplification. */
const along = cookToom(TILE, 3, [0, 5 / 8, -5 / 8, 3 / 2, -3 / 2]);
const INPUT = kronecker(along.input, along.input);
const KERNEL = kronecker(along.kernel, along.kernel);
const OUTPUT = kronecker(along.output, along.output);

const matrix = (e: OnnxEmitter, rows: Matrix): string =>
  e.once(rows, () => e.floats(Float32Array.from(rows.flat()), [rows.length, rows[0]!.length]));

/** Wherever it can be used, or only where it was measured to be faster. */
export type WinogradUse = "winograd" | "auto";

/** Fewer channels leave too little of a convolution's work to the products (measured). */
const FEWEST_CHANNELS = 64;
/** With fewer tiles per matrix, transforming the kernel costs more than it saves (measured: tiles · channels). */
const SMALLEST_PRODUCTS = 2048;

/** Why a convolution of x [N, C, H, W] to y [N, O, H′, W′], or a gradient of it, is not computed here; undefined where it is. */
export function refusesWinograd(
  use: WinogradUse,
  { stride, kernel }: { readonly stride: number; readonly kernel: readonly number[] },
  x: Shape,
  y: Shape,
): string | undefined {
  if (stride !== 1) return `its stride is ${stride}, not 1`;
  if (kernel.some((extent) => extent !== 3)) return `its kernel is ${kernel.join("×")}, not 3×3`;
  if (use === "winograd") return undefined;
  const channels = Math.min(x[1]!, y[1]!);
  const tiles = y[0]! * Math.ceil(y[2]! / TILE) * Math.ceil(y[3]! / TILE);
  if (channels < FEWEST_CHANNELS)
    return `it has ${channels} channels, and the direct form is faster below 64`;
  if (channels * tiles < SMALLEST_PRODUCTS) return `it has ${tiles} tiles, too few to pay`;
  return undefined;
}

/** Where the tiles of a convolution of stride 1 lie. */
interface Tiling {
  readonly batch: number;
  readonly inputSize: readonly [height: number, width: number];
  readonly outputSize: readonly [height: number, width: number];
  readonly inputs: number;
  readonly outputs: number;
  readonly padding: Padding2d;
  readonly rows: number;
  readonly columns: number;
  /** Tiles of the whole batch. */
  readonly tiles: number;
}

function tiling(padding: Padding2d, x: Shape, y: Shape): Tiling {
  const rows = Math.ceil(y[2]! / TILE);
  const columns = Math.ceil(y[3]! / TILE);
  return {
    batch: x[0]!,
    inputSize: [x[2]!, x[3]!],
    outputSize: [y[2]!, y[3]!],
    inputs: x[1]!,
    outputs: y[1]!,
    padding,
    rows,
    columns,
    tiles: x[0]! * rows * columns,
  };
}

/** y = conv2d(x, w, bias). */
export function winogradConv(
  e: OnnxEmitter,
  [x, w, bias]: readonly string[],
  { padding }: ConvAttributes,
  xShape: Shape,
  yShape: Shape,
): string {
  const t = tiling(padding, xShape, yShape);
  const products = batched(e, inputPoints(e, x!, t), kernelPoints(e, w!, t), { transB: 1 });
  const flat = e.reshape(products, [POINTS, t.tiles * t.outputs]);
  const tiles = e.one("Gemm", [matrix(e, OUTPUT), flat]);
  const rows = e.reshape(tiles, [TILE * TILE * t.tiles, t.outputs]);
  const pixels = gatherRows(
    e,
    rows,
    indices(e, "tileOfPixel", t, () => tileOfPixel(t)),
  );
  return toImages(e, bias ? e.one("Add", [pixels, bias]) : pixels, t.outputSize, t.outputs, t);
}

/** dx = convTranspose2d(dy, w, bias): what reaches x [N, C, H, W] from dy through conv2d(x, w). */
export function winogradInputGradient(
  e: OnnxEmitter,
  [dy, w, bias]: readonly string[],
  { padding }: ConvAttributes,
  xShape: Shape,
  dyShape: Shape,
): string {
  const t = tiling(padding, xShape, dyShape);
  const products = batched(e, gradientPoints(e, dy!, t), kernelPoints(e, w!, t), {});
  const flat = e.reshape(products, [POINTS, t.tiles * t.inputs]);
  const windows = e.one("Gemm", [matrix(e, INPUT), flat], { transA: 1 });
  const rows = e.reshape(windows, [POINTS * t.tiles, t.inputs]);
  const { first, overlaps } = e.once(`windowsOfPixel ${places(t)}`, () => {
    const [first, ...others] = windowsOfPixel(t);
    const overlaps = others.map(({ sources, targets }) => ({
      sources: e.ints(sources),
      targets: e.reshape(e.ints(targets), [targets.length, 1]),
    }));
    return { first: e.ints(first!.sources), overlaps };
  });
  let sum = gatherRows(e, rows, first);
  for (const { sources, targets } of overlaps) {
    // No target occurs twice within one update, so that the threads of the operator do not meet.
    sum = e.one("ScatterND", [sum, targets, gatherRows(e, rows, sources)], { reduction: "add" });
  }
  return toImages(e, bias ? e.one("Add", [sum, bias]) : sum, t.inputSize, t.inputs, t);
}

/** dw [O, C, 3, 3] = convWeightGradient(x, dy). */
export function winogradWeightGradient(
  e: OnnxEmitter,
  [x, dy]: readonly string[],
  { padding }: ConvAttributes,
  xShape: Shape,
  dyShape: Shape,
): string {
  const t = tiling(padding, xShape, dyShape);
  const products = batched(e, gradientPoints(e, dy!, t), inputPoints(e, x!, t), { transA: 1 });
  const flat = e.reshape(products, [POINTS, t.outputs * t.inputs]);
  const taps = e.one("Gemm", [flat, matrix(e, KERNEL)], { transA: 1 });
  return e.reshape(taps, [t.outputs, t.inputs, 3, 3]);
}

/** 36 products of matrices. */
const batched = (
  e: OnnxEmitter,
  a: string,
  b: string,
  turn: { readonly transA?: 1; readonly transB?: 1 },
): string =>
  Object.keys(turn).length === 0 ? e.one("MatMul", [a, b]) : e.one("com.microsoft.FusedMatMul", [a, b], turn);

/** w [O, C, 3, 3] at the points: [36, O, C]. */
function kernelPoints(e: OnnxEmitter, w: string, t: Tiling): string {
  const taps = e.reshape(w, [t.outputs * t.inputs, 9]);
  const points = e.one("Gemm", [matrix(e, KERNEL), taps], { transB: 1 });
  return e.reshape(points, [POINTS, t.outputs, t.inputs]);
}

/** x [N, C, H, W] at the points: [36, tiles, C]. */
function inputPoints(e: OnnxEmitter, x: string, t: Tiling): string {
  const { top, left } = t.padding;
  const height = t.rows * TILE + WINDOW - TILE;
  const width = t.columns * TILE + WINDOW - TILE;
  const bottom = height - top - t.inputSize[0];
  const right = width - left - t.inputSize[1];
  const padded = e.pad(x, [0, 0, top, left], [0, 0, bottom, right]);
  const pixels = toRows(e, padded, [height, width], t.inputs, t);
  const windows = gatherRows(e, pixels, windowPixels(e, t, WINDOW, height, width));
  const flat = e.reshape(windows, [POINTS, t.tiles * t.inputs]);
  return e.reshape(e.one("Gemm", [matrix(e, INPUT), flat]), [POINTS, t.tiles, t.inputs]);
}

/** dy [N, O, H′, W′] at the points: [36, tiles, O]. */
function gradientPoints(e: OnnxEmitter, dy: string, t: Tiling): string {
  const [height, width] = [t.rows * TILE, t.columns * TILE];
  const padded = e.pad(dy, [0, 0, 0, 0], [0, 0, height - t.outputSize[0], width - t.outputSize[1]]);
  const pixels = toRows(e, padded, [height, width], t.outputs, t);
  const tiles = gatherRows(e, pixels, windowPixels(e, t, TILE, height, width));
  const flat = e.reshape(tiles, [TILE * TILE, t.tiles * t.outputs]);
  return e.reshape(e.one("Gemm", [matrix(e, OUTPUT), flat], { transA: 1 }), [POINTS, t.tiles, t.outputs]);
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

/** What a tiling's tables of indices depend on. */
const places = ({ batch, inputSize, outputSize, padding }: Tiling): string =>
  JSON.stringify([batch, inputSize, outputSize, padding]);

/** A table of indices as a constant. Layers of equal geometry share it, and count it out once. */
const indices = (e: OnnxEmitter, title: string, t: Tiling, count: () => number[]): string =>
  e.once(`${title} ${places(t)}`, () => e.ints(count()));

/** For each place in a window of `size` and each tile, the pixel of the (padded) image that lies there. */
const windowPixels = (e: OnnxEmitter, t: Tiling, size: number, height: number, width: number): string =>
  indices(e, `windowPixels ${size}`, t, () => countWindowPixels(t, size, height, width));

function countWindowPixels(t: Tiling, size: number, height: number, width: number): number[] {
  const indices: number[] = [];
  for (let place = 0; place < size * size; place++) {
    const [i, j] = [Math.floor(place / size), place % size];
    for (let n = 0; n < t.batch; n++)
      for (let row = 0; row < t.rows; row++)
        for (let column = 0; column < t.columns; column++)
          indices.push((n * height + row * TILE + i) * width + column * TILE + j);
  }
  return indices;
}

/** The row of [places · tiles, C] that holds place (i, j) of a tile. */
const placeOfTile = (
  t: Tiling,
  size: number,
  [i, j]: readonly [number, number],
  n: number,
  [row, column]: readonly [number, number],
): number => (((i * size + j) * t.batch + n) * t.rows + row) * t.columns + column;

/** For each pixel of the output, where the tiles hold it. */
function tileOfPixel(t: Tiling): number[] {
  const indices: number[] = [];
  for (let n = 0; n < t.batch; n++)
    for (let y = 0; y < t.outputSize[0]; y++)
      for (let x = 0; x < t.outputSize[1]; x++)
        indices.push(
          placeOfTile(t, TILE, [y % TILE, x % TILE], n, [Math.floor(y / TILE), Math.floor(x / TILE)]),
        );
  return indices;
}

/**
 * For each pixel of x, the places of the windows that cover it: a first one for every pixel, then up to three more for those
 * where windows overlap, in groups in which no pixel occurs twice.
 */
function windowsOfPixel(t: Tiling): { sources: number[]; targets: number[] }[] {
  const groups = Array.from({ length: 4 }, () => ({ sources: [] as number[], targets: [] as number[] }));
  const [height, width] = t.inputSize;
  for (let n = 0; n < t.batch; n++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        coverings(y + t.padding.top, t.rows).forEach(([row, i], a) => {
          coverings(x + t.padding.left, t.columns).forEach(([column, j], b) => {
            groups[2 * a + b]!.sources.push(placeOfTile(t, WINDOW, [i, j], n, [row, column]));
            groups[2 * a + b]!.targets.push((n * height + y) * width + x);
          });
        });
  return groups.filter(({ targets }) => targets.length > 0);
}

/** The windows along one axis that cover a position, and its place in them. */
function coverings(position: number, windows: number): [window: number, place: number][] {
  const last = Math.min(Math.floor(position / TILE), windows - 1);
  return [last, last - 1]
    .map((window): [number, number] => [window, position - window * TILE])
    .filter(([window, place]) => window >= 0 && place < WINDOW);
}
