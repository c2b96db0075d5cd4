import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { decodeImage } from "../../src/data/image.js";

interface Raster {
  readonly size: number;
  readonly rgba: Uint8Array;
}

interface Tile {
  readonly split: string;
  readonly name: string;
  readonly size: number;
  readonly rgb: Uint8Array;
}

/** The benchmark scripts are plain JavaScript. */
const script = (name: string) => import(new URL(`../../bench/data/${name}`, import.meta.url).href);
const icons: {
  normaliseKey(key: string): string;
  isHeldOut(key: string): boolean;
  alphaIoU(a: Raster, b: Raster): number;
  onWhite(raster: Raster): Uint8Array;
} = await script("icons.mjs");
const folders: {
  writeFolders(folder: string, tiles: Iterable<Tile>, about: object): Promise<Record<string, number>>;
} = await script("folders.mjs");

describe("icon recipes", () => {
  it("spell code points in one way", () => {
    expect(icons.normaliseKey("0023-FE0F-20e3")).toBe("23-20e3");
    expect(icons.normaliseKey("1F468-200D-1F9B0")).toBe("1f468-200d-1f9b0");
    expect(icons.normaliseKey("00a9")).toBe("a9");
  });

  it("hold out single code points that are 3 modulo 8, but no clock faces", () => {
    expect(["1f603", "1f53b", "2623"].map(icons.isHeldOut)).toEqual([true, true, true]);
    expect(["1f604", "1f603-200d-1f9b0", "1f553", "1f55b", "1f563"].map(icons.isHeldOut)).toEqual(
      new Array(5).fill(false),
    );
    expect(icons.isHeldOut("1f56b")).toBe(true);
  });

  it("compare silhouettes and draw on white", () => {
    const raster = (...alphas: number[]): Raster => ({
      size: 2,
      rgba: Uint8Array.from(alphas.flatMap((alpha) => [100, 0, 200, alpha])),
    });
    expect(icons.alphaIoU(raster(255, 255, 0, 0), raster(255, 0, 255, 127))).toBeCloseTo(1 / 3, 12);
    expect(icons.alphaIoU(raster(0, 0, 0, 0), raster(0, 0, 0, 0))).toBe(0);
    expect([...icons.onWhite(raster(255, 0, 51, 255)).subarray(0, 9)]).toEqual([
      100, 0, 200, 255, 255, 255, 224, 204, 244,
    ]);
  });
});

describe("writeFolders", () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "pixcycle-bench-"));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  const tile = (split: string, name: string, level: number): Tile => ({
    split,
    name,
    size: 4,
    rgb: new Uint8Array(48).fill(level),
  });

  it("writes tiles by split, replacing an older set whole", async () => {
    const target = join(root, "set");
    await folders.writeFolders(target, [tile("trainA", "old", 1)], { name: "set" });
    const tiles = [tile("trainA", "x", 7), tile("trainA", "y", 8), tile("testB", "x", 9)];
    expect(await folders.writeFolders(target, tiles, { name: "set" })).toEqual({ trainA: 2, testB: 1 });
    expect(await readdir(join(target, "trainA"))).toEqual(["x.png", "y.png"]);
    expect((await decodeImage(join(target, "testB", "x.png"))).data).toEqual(new Uint8Array(48).fill(9));
    expect(JSON.parse(await readFile(join(target, "set.json"), "utf8"))).toEqual({
      name: "set",
      counts: { trainA: 2, testB: 1 },
    });
    expect(await readdir(root)).toEqual(["set"]);
  });

  it("leaves an older set alone when it fails half way", async () => {
    const target = join(root, "set");
    await folders.writeFolders(target, [tile("trainA", "old", 1)], {});
    function* failing() {
      yield tile("trainA", "new", 2);
      throw new Error("no more tiles");
    }
    await expect(folders.writeFolders(target, failing(), {})).rejects.toThrow("no more tiles");
    expect(await readdir(join(target, "trainA"))).toEqual(["old.png"]);
  });
});
