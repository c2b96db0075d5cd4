import type { Drawing, Rgb } from "./drawing.js";

type Points = readonly (readonly [number, number])[];

const HOUSE: Points = [
  [0.26, 0.84],
  [0.26, 0.5],
  [0.72, 0.5],
  [0.72, 0.84],
  [0.26, 0.84],
];
const ROOF: Points = [
  [0.18, 0.5],
  [0.49, 0.22],
  [0.8, 0.5],
  [0.18, 0.5],
];

/** A first drawing, so that there is something to see: ground, sun and a house in the palette's colours. */
export function drawStarter(drawing: Drawing, colours: readonly Rgb[]): void {
  const { canvas, color, width } = drawing;
  const take = (index: number, share: number) => {
    drawing.color = colours[Math.min(index, colours.length - 1)]!;
    drawing.width = share * canvas.width;
  };
  const place = ([x, y]: readonly [number, number]) => ({ x: x * canvas.width, y: y * canvas.height });
  const draw = (points: Points) => {
    drawing.begin(place(points[0]!));
    for (const point of points) drawing.continue(place(point));
    drawing.end();
  };
  const fill = (x: number, y: number) => {
    drawing.tool = "fill";
    drawing.begin(place([x, y]));
    drawing.tool = "pen";
  };
  take(6, 0.14);
  draw([
    [0, 0.93],
    [1, 0.93],
  ]);
  take(5, 0.16);
  draw([[0.84, 0.18]]);
  take(4, 0.02);
  draw(HOUSE);
  fill(0.5, 0.7);
  take(3, 0.02);
  draw(ROOF);
  fill(0.49, 0.4);
  take(7, 0.11);
  draw([
    [0.49, 0.8],
    [0.49, 0.68],
  ]);
  Object.assign(drawing, { color, width });
}
