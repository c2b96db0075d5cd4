/** How different soft edges may be from where the fill began, per channel. */
const TOLERANCE = 48;

/**
 * Colours the area around (x, y) that has its colour, in place.
 * @param crisp exactly its colour; otherwise the soft edge of strokes is filled too, with a pixel beyond
 */
export function floodFill(
  { data, width, height }: ImageData,
  x: number,
  y: number,
  color: readonly number[],
  crisp: boolean,
): void {
  const pixels = new Uint32Array(data.buffer);
  const begin = y * width + x;
  const from = data.slice(4 * begin, 4 * begin + 3);
  const tolerance = crisp ? 0 : TOLERANCE;
  const belongs = (pixel: number): boolean =>
    [0, 1, 2].every((channel) => Math.abs(data[4 * pixel + channel]! - from[channel]!) <= tolerance);
  const neighbours = (pixel: number): number[] => {
    const column = pixel % width;
    const found = [pixel - width, pixel + width].filter((other) => other >= 0 && other < width * height);
    if (column > 0) found.push(pixel - 1);
    if (column < width - 1) found.push(pixel + 1);
    return found;
  };
  const area = new Set([begin]);
  const edge = new Set<number>();
  for (const pixel of area) {
    for (const other of neighbours(pixel)) (belongs(other) ? area : edge).add(other);
  }
  const [fill] = new Uint32Array(Uint8ClampedArray.of(color[0]!, color[1]!, color[2]!, 255).buffer);
  for (const pixel of crisp ? area : [...area, ...edge]) pixels[pixel] = fill!;
}
