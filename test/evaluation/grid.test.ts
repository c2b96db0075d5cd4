import { describe, expect, it } from "vitest";
import { decodeImage } from "../../src/data/image.js";
import type { Image } from "../../src/data/pixels.js";
import { composeGrid } from "../../src/evaluation/grid.js";
import type { FloatTensor } from "../../src/formats/tensor.js";

/** A [C, H, W] image of one colour, samples 0 to 255. */
function plain(colour: readonly number[], height: number, width: number): FloatTensor {
  const plane = height * width;
  const data = Float32Array.from(
    { length: colour.length * plane },
    (_, i) => colour[Math.floor(i / plane)]! / 127.5 - 1,
  );
  return { shape: [colour.length, height, width], data };
}

function pixel(image: Image, x: number, y: number): number[] {
  const from = (y * image.width + x) * 3;
  return [...image.data.subarray(from, from + 3)];
}

const RED = [200, 10, 20];
const WHITE = [255, 255, 255];

describe("composeGrid", () => {
  it("places rows and columns with white gutters, smaller images at the top left of their cells", async () => {
    const rows = [[plain(RED, 8, 10), plain([90], 8, 10)], [plain([1, 2, 3, 4, 5], 4, 6)]];
    const grid = await decodeImage(await composeGrid(rows, { scale: 1 }));
    expect([grid.width, grid.height, grid.channels, grid.depth]).toEqual([32, 28, 3, 8]);
    expect(pixel(grid, 3, 3)).toEqual(WHITE);
    expect(pixel(grid, 4, 4)).toEqual(RED);
    expect(pixel(grid, 13, 11)).toEqual(RED);
    expect(pixel(grid, 14, 11)).toEqual(WHITE);
    expect(pixel(grid, 18, 4)).toEqual([90, 90, 90]);
    expect(pixel(grid, 4, 16)).toEqual([1, 2, 3]);
    expect(pixel(grid, 9, 19)).toEqual([1, 2, 3]);
    expect(pixel(grid, 10, 19)).toEqual(WHITE);
    expect(pixel(grid, 18, 16)).toEqual(WHITE);
  });

  it("enlarges by repeating pixels, small images by itself", async () => {
    const data = Float32Array.from([0, 50, 100, 150, 200, 250], (v) => v / 127.5 - 1);
    const image: FloatTensor = { shape: [1, 2, 3], data };
    const grid = await decodeImage(await composeGrid([[image]], { scale: 3 }));
    expect([grid.width, grid.height]).toEqual([17, 14]);
    for (let y = 0; y < 6; y++) {
      for (let x = 0; x < 9; x++) {
        const level = 50 * (Math.floor(y / 3) * 3 + Math.floor(x / 3));
        expect(pixel(grid, 4 + x, 4 + y)).toEqual([level, level, level]);
      }
    }
    const automatic = await decodeImage(await composeGrid([[plain(RED, 64, 60)]]));
    expect([automatic.width, automatic.height]).toEqual([8 + 180, 8 + 192]);
    const large = await decodeImage(await composeGrid([[plain(RED, 100, 300)]]));
    expect([large.width, large.height]).toEqual([308, 108]);
  });

  it("stands rows side by side", async () => {
    const rows = [RED, [0, 0, 0], [1, 1, 1]].map((colour) => [plain(colour, 8, 8), plain(colour, 8, 8)]);
    const grid = await decodeImage(await composeGrid(rows, { scale: 1, across: 2 }));
    expect([grid.width, grid.height]).toEqual([4 + 20 + 20 + 20 + 4, 4 + 12 + 12]);
    expect(pixel(grid, 4, 4)).toEqual(RED);
    expect(pixel(grid, 44, 4)).toEqual([0, 0, 0]);
    expect(pixel(grid, 4, 16)).toEqual([1, 1, 1]);
    expect(pixel(grid, 44, 16)).toEqual(WHITE);
  });

  it("writes titles above their columns and leaves the images as they are", async () => {
    const rows = [[plain(RED, 32, 32), plain(RED, 32, 32)]];
    const bare = await decodeImage(await composeGrid(rows));
    const titled = await decodeImage(await composeGrid(rows, { columns: ["a < b & c", "truth"] }));
    const band = titled.height - bare.height;
    expect(titled.width).toBe(bare.width);
    const below = titled.data.subarray(band * titled.width * 3);
    expect(Buffer.from(below).equals(Buffer.from(bare.data))).toBe(true);
    const ink = (from: number, to: number) => {
      let count = 0;
      for (let y = 0; y < band; y++) {
        for (let x = from; x < to; x++) if (pixel(titled, x, y)[0]! < 128) count++;
      }
      return count;
    };
    // A machine without fonts has no band, and so no ink to look for.
    const hasFonts = band > 0;
    expect([ink(4, 132) > 20, ink(132, 136) === 0, ink(136, 264) > 20]).toEqual([hasFonts, true, hasFonts]);
  });

  it("refuses an empty grid and tensors that are no images", async () => {
    await expect(composeGrid([])).rejects.toMatchObject({ code: "E_DATA_EMPTY" });
    await expect(composeGrid([[], []])).rejects.toMatchObject({ code: "E_DATA_EMPTY" });
    const batch: FloatTensor = { shape: [1, 3, 2, 2], data: new Float32Array(12) };
    await expect(composeGrid([[batch]])).rejects.toMatchObject({ code: "E_SHAPE" });
  });
});
