import { cookToom, kronecker, type Matrix } from "./cook-toom.js";

/**
 * A convolution of one kernel size and stride by Winograd's algorithm. A stride s splits image and kernel into s × s phases of
 * stride 1 (pixels and taps of equal remainder), whose products are added; a phase has up to `taps` × `taps` taps.
 * Matrices apply to flattened squares.
 */
export interface WinogradForm {
  readonly stride: number;
  /** Side of an output tile. */
  readonly tile: number;
  /** Side of the window of a phase that a tile depends on, tile + taps − 1; also points along an axis. */
  readonly window: number;
  /** Points of one phase, window². */
  readonly points: number;
  /** s². */
  readonly phases: number;
  /** [points, window²]: from a window to its values at the points; the same for every phase. */
  readonly input: Matrix;
  /** [points · phases, kernel²]: from the kernel to the values of its phases at the points. */
  readonly kernel: Matrix;
  /** [tile², points]: from products to outputs. */
  readonly output: Matrix;
  /** [tile², points · phases]: likewise, adding up the phases. */
  readonly outputOfPhases: Matrix;
}

interface Choice {
  readonly tile: number;
  /** Of the polynomials' values; the rounding error depends on them. Found by a search for the smallest error in float32. */
  readonly points: readonly number[];
}

/** Points with half the error of 0, ±1, ±2. */
const FIVE = [0, 5 / 8, -5 / 8, 3 / 2, -3 / 2];
const FOUR = [3 / 8, -3 / 8, 5 / 4, -5 / 4];

/** By kernel and stride: the tiles that were measured to be fastest at an error of 1e-6. */
const WIDE: Readonly<Record<string, Choice>> = {
  "3 1": { tile: 4, points: FIVE },
  "4 1": { tile: 3, points: FIVE },
  "3 2": { tile: 4, points: FOUR },
  "4 2": { tile: 4, points: FOUR },
};

/**
 * Tiles for layers of few channels. There the transforms, which grow with the square of a window, are most of the work; and small windows
 * round as little as the direct form does (2e-7 to 4e-7).
 */
const NARROW: typeof WIDE = {
  "3 1": { tile: 2, points: [0, 1, -1] },
  "4 1": { tile: 2, points: FOUR },
  "3 2": { tile: 2, points: [1, -1] },
  "4 2": { tile: 2, points: [1 / 2, -1 / 2] },
};
const FEW_CHANNELS = 16;

const forms = new Map<Choice, WinogradForm>();

/**
 * The form of a square kernel; undefined where there is none.
 * @param channels of the image or of the output, whichever has fewer
 */
export function winogradForm(kernel: number, stride: number, channels: number): WinogradForm | undefined {
  const choice = (channels < FEW_CHANNELS ? NARROW : WIDE)[`${kernel} ${stride}`];
  if (!choice) return undefined;
  const form = forms.get(choice) ?? makeForm(kernel, stride, choice);
  forms.set(choice, form);
  return form;
}

function makeForm(kernel: number, stride: number, { tile, points }: Choice): WinogradForm {
  const taps = Math.ceil(kernel / stride);
  const along = cookToom(tile, taps, points);
  const window = tile + taps - 1;
  // Along one axis, row (point, phase): tap stride · a + phase of the kernel is tap a of the phase.
  const spread = along.kernel.map((row) =>
    Array.from({ length: stride }, (_, phase) =>
      Array.from({ length: kernel }, (__, tap) =>
        tap % stride === phase ? row[Math.floor(tap / stride)]! : 0,
      ),
    ),
  );
  const inTwo = spread.flatMap((rows) =>
    spread.flatMap((columns) =>
      rows.flatMap((row) => columns.map((column) => kronecker([row], [column])[0]!)),
    ),
  );
  const output = kronecker(along.output, along.output);
  const phases = stride * stride;
  return {
    stride,
    tile,
    window,
    points: window * window,
    phases,
    input: kronecker(along.input, along.input),
    kernel: inTwo,
    output,
    outputOfPhases: output.map((row) => row.flatMap((value) => new Array<number>(phases).fill(value))),
  };
}
