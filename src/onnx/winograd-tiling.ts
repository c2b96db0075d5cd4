import type { Padding2d } from "../graph/ops.js";
import type { Shape } from "../graph/shape.js";
import type { WinogradForm } from "./winograd-forms.js";

/** What lies around the image of a convolution. */
export interface Border extends Padding2d {
  readonly mode: "zero" | "reflect";
}

/** Where the tiles of a convolution of x [N, C, H, W] to y [N, O, H′, W′] lie. */
export interface Tiling {
  readonly form: WinogradForm;
  readonly batch: number;
  readonly inputSize: readonly [height: number, width: number];
  readonly outputSize: readonly [height: number, width: number];
  readonly inputs: number;
  readonly outputs: number;
  readonly border: Border;
  readonly rows: number;
  readonly columns: number;
  /** Tiles of the whole batch. */
  readonly tiles: number;
  /** Names the geometry: tables of equal geometries are equal. */
  readonly key: string;
}

export function tiling(form: WinogradForm, border: Border, x: Shape, y: Shape): Tiling {
  const rows = Math.ceil(y[2]! / form.tile);
  const columns = Math.ceil(y[3]! / form.tile);
  const [batch, inputs, ...inputSize] = x as [number, number, number, number];
  const [, outputs, ...outputSize] = y as [number, number, number, number];
  const { mode, top, left, bottom, right } = border;
  const around = [mode, top, left, bottom, right].join(",");
  const key = [form.stride, form.tile, form.window, batch, inputSize, outputSize, around].join(" ");
  const tiles = batch * rows * columns;
  return { form, batch, inputSize, outputSize, inputs, outputs, border, rows, columns, tiles, key };
}

/** Size of the image whose pixels `inputPixels` counts: with its zeros, but without what is reflected. */
export function storedSize({ inputSize: [height, width], border }: Tiling): readonly [number, number] {
  return border.mode === "reflect"
    ? [height, width]
    : [height + border.top + border.bottom, width + border.left + border.right];
}

/**
 * For each place in a window, each phase and each tile, the pixel of the stored image that lies there. What only the part of a tile
 * outside y depends on is any pixel.
 */
export function inputPixels(t: Tiling): number[] {
  const { border, inputSize, form } = t;
  const [height, width] = storedSize(t);
  const along = (extent: number, size: number, before: number, tiles: number): number[][][] =>
    table(form.window, form.stride, tiles, (place, phase, tile) => {
      const position = (tile * form.tile + place) * form.stride + phase;
      const pixel = border.mode === "reflect" ? mirrored(position - before, extent) : position;
      return Math.min(Math.max(pixel, 0), size - 1);
    });
  const ys = along(inputSize[0], height, border.top, t.rows);
  const xs = along(inputSize[1], width, border.left, t.columns);
  return combined(t, ys, xs, height * width, (y, x) => y * width + x);
}

/** For each place in a tile and each tile, the pixel of dy, padded to whole tiles, that lies there. */
export function outputPixels(t: Tiling): number[] {
  const { tile } = t.form;
  const width = t.columns * tile;
  const along = (tiles: number): number[][][] =>
    table(tile, 1, tiles, (place, _, index) => index * tile + place);
  return combined(t, along(t.rows), along(t.columns), t.rows * tile * width, (y, x) => y * width + x);
}

const mirrored = (position: number, extent: number): number => {
  const inside = Math.abs(position);
  return inside < extent ? inside : 2 * (extent - 1) - inside;
};

/** Values by place, phase and tile along one axis. */
const table = (
  places: number,
  phases: number,
  tiles: number,
  value: (place: number, phase: number, tile: number) => number,
): number[][][] =>
  Array.from({ length: places }, (_, place) =>
    Array.from({ length: phases }, (__, phase) =>
      Array.from({ length: tiles }, (___, tile) => value(place, phase, tile)),
    ),
  );

/** Rows and columns of tables in the order places, phases, images, tiles. */
function combined(
  { batch }: Tiling,
  ys: readonly number[][][],
  xs: readonly number[][][],
  imageSize: number,
  pixel: (y: number, x: number) => number,
): number[] {
  const indices: number[] = [];
  for (const yPhases of ys)
    for (const xPhases of xs)
      for (const yTiles of yPhases)
        for (const xTiles of xPhases)
          for (let n = 0; n < batch; n++)
            for (const y of yTiles) for (const x of xTiles) indices.push(n * imageSize + pixel(y, x));
  return indices;
}

/** For each pixel of y, its row in [places of a tile · tiles, O]. */
export function placesOfOutput(t: Tiling): number[] {
  const { tile } = t.form;
  const indices: number[] = [];
  for (let n = 0; n < t.batch; n++)
    for (let y = 0; y < t.outputSize[0]; y++)
      for (let x = 0; x < t.outputSize[1]; x++) {
        const place = (y % tile) * tile + (x % tile);
        indices.push(
          ((place * t.batch + n) * t.rows + Math.floor(y / tile)) * t.columns + Math.floor(x / tile),
        );
      }
  return indices;
}

/** Sums to make: `targets`, pixels of x, get the rows `sources` of [places of a window · phases · tiles, C]. */
export interface Overlap {
  readonly sources: readonly number[];
  readonly targets: readonly number[];
}

/**
 * Every place of a window in which a pixel of x lies. The first group has one for every pixel; the others have more for those where windows
 * overlap or that are reflected. No pixel occurs twice in a group.
 */
export function placesOfInput(t: Tiling): Overlap[] {
  const groups: { sources: number[]; targets: number[] }[] = [];
  const [height, width] = t.inputSize;
  const ys = Array.from({ length: height }, (_, y) => coverings(t, y, "rows"));
  const xs = Array.from({ length: width }, (_, x) => coverings(t, x, "columns"));
  const { stride, window } = t.form;
  for (let n = 0; n < t.batch; n++)
    ys.forEach((rows, y) => {
      xs.forEach((columns, x) => {
        let group = 0;
        for (const row of rows)
          for (const column of columns) {
            const place = row.place * window + column.place;
            const phase = row.phase * stride + column.phase;
            const plane = (place * t.form.phases + phase) * t.batch + n;
            groups[group] ??= { sources: [], targets: [] };
            groups[group]!.sources.push((plane * t.rows + row.tile) * t.columns + column.tile);
            groups[group]!.targets.push((n * height + y) * width + x);
            group++;
          }
      });
    });
  return groups;
}

/** Whether every pixel of x lies in a window. */
export function coversInput(t: Tiling): boolean {
  const last = (axis: "rows" | "columns"): number => t.inputSize[axis === "rows" ? 0 : 1] - 1;
  return (["rows", "columns"] as const).every((axis) => coverings(t, last(axis), axis).length > 0);
}

interface Covering {
  readonly tile: number;
  readonly place: number;
  readonly phase: number;
}

/** The windows along one axis that a pixel lies in, also as a reflection. */
function coverings(t: Tiling, pixel: number, axis: "rows" | "columns"): Covering[] {
  const { stride, tile, window } = t.form;
  const [extent, before, after] =
    axis === "rows"
      ? [t.inputSize[0], t.border.top, t.border.bottom]
      : [t.inputSize[1], t.border.left, t.border.right];
  const positions = [before + pixel];
  if (t.border.mode === "reflect") {
    if (pixel >= 1 && pixel <= before) positions.push(before - pixel);
    if (pixel <= extent - 2 && pixel >= extent - 1 - after) positions.push(before + 2 * (extent - 1) - pixel);
  }
  return positions.flatMap((position) => {
    const [inPhase, phase] = [Math.floor(position / stride), position % stride];
    const last = Math.min(Math.floor(inPhase / tile), t[axis] - 1);
    return Array.from({ length: Math.ceil(window / tile) }, (_, i) => last - i)
      .map((index) => ({ tile: index, place: inPhase - index * tile, phase }))
      .filter(({ tile: index, place }) => index >= 0 && place < window);
  });
}
