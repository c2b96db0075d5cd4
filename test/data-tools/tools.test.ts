import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeImage } from "../../src/data/image.js";
import type { Image } from "../../src/data/pixels.js";
import { CANNY_DEFAULTS, detectEdges } from "../../src/data/tools/canny.js";
import { combineFolders } from "../../src/data/tools/combine.js";
import { drawEdges } from "../../src/data/tools/edges.js";
import { splitFolder } from "../../src/data/tools/split.js";
import { failure, noiseImage, temporaryFolder, writeImage } from "../data/files.js";

const root = temporaryFolder("tools");
const watcher = { onImage: () => undefined, signal: new AbortController().signal };
let folders = 0;
const fresh = () => join(root, String(folders++));

async function noiseFiles(folder: string, names: readonly string[]): Promise<void> {
  for (const name of names) await writeImage(join(folder, name), noiseImage(10, 8, 3, 8, name));
}
const tree = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.\w+$/.test(name))
    .sort();

describe("combine", () => {
  it("puts equal names side by side, folders below too, every sample unchanged", async () => {
    const base = fresh();
    await noiseFiles(join(base, "A"), ["1.png", "sub/2.png"]);
    await noiseFiles(join(base, "B"), ["1.webp", "sub/2.tif"]);
    const out = join(base, "out");
    expect(await combineFolders({ A: join(base, "A"), B: join(base, "B") }, out, watcher)).toBe(2);
    expect(tree(out)).toEqual(["1.png", "sub/2.png"]);
    const both = await decodeImage(join(out, "sub/2.png"));
    const [A, B] = [
      await decodeImage(join(base, "A/sub/2.png")),
      await decodeImage(join(base, "B/sub/2.tif")),
    ];
    expect([both.width, both.height]).toEqual([20, 8]);
    for (let y = 0; y < 8; y++) {
      expect(both.data.slice(y * 60, y * 60 + 30)).toEqual(A.data.slice(y * 30, y * 30 + 30));
      expect(both.data.slice(y * 60 + 30, y * 60 + 60)).toEqual(B.data.slice(y * 30, y * 30 + 30));
    }
  });

  it("raises gray to RGB and 8 bits to 16, losing nothing", async () => {
    const base = fresh();
    await writeImage(join(base, "A/1.png"), noiseImage(4, 4, 1));
    await writeImage(join(base, "B/1.png"), noiseImage(4, 4, 3, 16));
    await combineFolders({ A: join(base, "A"), B: join(base, "B") }, join(base, "out"), watcher);
    const both = await decodeImage(join(base, "out/1.png"));
    expect(both).toMatchObject({ width: 8, channels: 3, depth: 16 });
    expect(both.data[0]).toBe(noiseImage(4, 4, 1).data[0]! * 257);
    expect(both.data.slice(12, 24)).toEqual(noiseImage(4, 4, 3, 16).data.slice(0, 12));
  });

  it.each<[string, (base: string) => Promise<void>, string]>([
    ["a name without a partner", (base) => noiseFiles(join(base, "A"), ["x.png"]), "E_DATA_PAIR"],
    ["two names that differ in the ending", (base) => noiseFiles(join(base, "A"), ["1.jpg"]), "E_DATA_PAIR"],
    ["unequal sizes", (base) => writeImage(join(base, "B/2.png"), noiseImage(9, 8)), "E_DATA_SIZE"],
    ["a damaged image", async (base) => writeFileSync(join(base, "B/2.png"), "no"), "E_IMAGE_READ"],
    [
      "channels that do not convert",
      (base) =>
        writeImage(join(base, "B/1.png"), noiseImage(10, 8, 3)).then(async () => {
          await writeImage(join(base, "A/3.tif"), noiseImage(10, 8, 6));
          await writeImage(join(base, "B/3.tif"), noiseImage(10, 8, 3));
        }),
      "E_IMAGE_READ",
    ],
    ["no folder B", async (base) => void mkdirSync(join(base, "x")), "E_DATA_MISSING"],
    ["a place that is taken", (base) => noiseFiles(join(base, "out"), ["mine.png"]), "E_FILE_WRITE"],
  ])("with %s writes nothing", async (what, spoil, code) => {
    const base = fresh();
    await noiseFiles(join(base, "A"), ["1.png", "2.png"]);
    await noiseFiles(join(base, "B"), ["1.png", "2.png"]);
    await spoil(base);
    const B = join(base, what === "no folder B" ? "none" : "B");
    const before = tree(base);
    expect((await failure(combineFolders({ A: join(base, "A"), B }, join(base, "out"), watcher))).code).toBe(
      code,
    );
    expect(tree(base)).toEqual(before);
    expect(readdirSync(base).filter((name) => name.includes("partial"))).toEqual([]);
  });
});

describe("split", () => {
  const names = Array.from({ length: 40 }, (_, i) => `${i}.png`);
  const options = { val: 0.1, test: 0.2, seed: 3, unpaired: false };

  it("divides pairs together, the same way for the same seed, byte for byte", async () => {
    const base = fresh();
    await noiseFiles(join(base, "set/A"), names);
    await noiseFiles(join(base, "set/B"), [...names].reverse());
    const counts = await splitFolder(join(base, "set"), join(base, "one"), options, watcher);
    expect(counts).toEqual({ train: 28, val: 4, test: 8 });
    expect(tree(join(base, "one/testA"))).toEqual(tree(join(base, "one/testB")));
    const all = ["train", "val", "test"].flatMap((part) => tree(join(base, `one/${part}A`)));
    expect(all.sort()).toEqual([...names].sort());
    const [name] = tree(join(base, "one/valA"));
    expect(readFileSync(join(base, "one/valA", name!))).toEqual(readFileSync(join(base, "set/A", name!)));
    expect(JSON.parse(readFileSync(join(base, "one/split.json"), "utf8"))).toMatchObject({ seed: 3, counts });

    await splitFolder(join(base, "set"), join(base, "two"), options, watcher);
    expect(tree(join(base, "two"))).toEqual(tree(join(base, "one")));
    await splitFolder(join(base, "set"), join(base, "three"), { ...options, seed: 4 }, watcher);
    expect(tree(join(base, "three"))).not.toEqual(tree(join(base, "one")));
  });

  it("divides one folder, and unpaired ones each for itself", async () => {
    const base = fresh();
    await noiseFiles(join(base, "flat"), names.slice(0, 10));
    expect(await splitFolder(join(base, "flat"), join(base, "f"), { ...options, val: 0 }, watcher)).toEqual({
      train: 8,
      val: 0,
      test: 2,
    });
    expect(tree(join(base, "f/train"))).toHaveLength(8);
    await noiseFiles(join(base, "set/A"), names.slice(0, 10));
    await noiseFiles(join(base, "set/B"), names.slice(20));
    const error = await failure(splitFolder(join(base, "set"), join(base, "u"), options, watcher));
    expect([error.code, error.hint]).toEqual(["E_DATA_PAIR", expect.stringContaining("--unpaired")]);
    const counts = await splitFolder(
      join(base, "set"),
      join(base, "u"),
      { ...options, unpaired: true },
      watcher,
    );
    expect(counts).toEqual({ train: 7 + 14, val: 1 + 2, test: 2 + 4 });
    expect(tree(join(base, "u/testB"))).toHaveLength(4);
  });

  it.each<[string, Partial<typeof options> & { out?: string }, string]>([
    ["parts over the whole", { val: 0.5, test: 0.5 }, "E_OPTION"],
    ["negative parts", { val: -0.1 }, "E_OPTION"],
    ["no parts", { val: 0, test: 0 }, "E_OPTION"],
    ["too few images", { val: 0.4, test: 0.4 }, "E_DATA_SIZE"],
    ["a place inside itself", { out: "set/out" }, "E_OPTION"],
  ])("refuses %s", async (_, { out = "out", ...changes }, code) => {
    const base = fresh();
    await noiseFiles(join(base, "set"), names.slice(0, 2));
    const result = splitFolder(join(base, "set"), join(base, out), { ...options, ...changes }, watcher);
    expect((await failure(result)).code).toBe(code);
    expect(existsSync(join(base, out))).toBe(false);
  });

  it("refuses a set that is divided already, and stops when told to", async () => {
    const base = fresh();
    await noiseFiles(join(base, "set/train"), ["1.png"]);
    expect((await failure(splitFolder(join(base, "set"), join(base, "o"), options, watcher))).code).toBe(
      "E_OPTION",
    );
    await noiseFiles(join(base, "flat"), names);
    const abort = new AbortController();
    const stopping = { onImage: () => abort.abort(), signal: abort.signal };
    await expect(splitFolder(join(base, "flat"), join(base, "o"), options, stopping)).rejects.toThrow(
      /abort/i,
    );
    expect(readdirSync(base).sort()).toEqual(["flat", "set"]);
  });
});

/** A gray image from a rule for each pixel, 0 to 1. */
function drawn(width: number, height: number, value: (x: number, y: number) => number): Image {
  const data = Uint8Array.from({ length: width * height }, (_, i) =>
    Math.round(255 * value(i % width, Math.floor(i / width))),
  );
  return { width, height, channels: 1, depth: 8, data };
}
const edgePoints = ({ width, data }: Image) =>
  [...data.entries()].filter(([, v]) => v === 0).map(([i]) => [i % width, Math.floor(i / width)] as const);

describe("edges", () => {
  it("of a vertical step are one black line, one pixel wide, at the step", () => {
    const points = edgePoints(detectEdges(drawn(32, 20, (x) => (x < 16 ? 0.2 : 0.8))));
    expect(points).toHaveLength(20);
    expect(new Set(points.map(([x]) => x)).size).toBe(1);
    expect([15, 16]).toContain(points[0]![0]);
  });

  it("of a horizontal and of a diagonal step are lines too", () => {
    const flat = edgePoints(detectEdges(drawn(20, 32, (_, y) => (y < 16 ? 1 : 0))));
    expect(flat).toHaveLength(20);
    const diagonal = edgePoints(detectEdges(drawn(40, 40, (x, y) => (x > y ? 1 : 0))));
    for (const [x, y] of diagonal) expect(Math.abs(x - y)).toBeLessThanOrEqual(1);
    expect(diagonal.length).toBeGreaterThanOrEqual(38);
    expect(diagonal.length).toBeLessThanOrEqual(80);
  });

  it("of a disc are a closed ring at its radius", () => {
    const points = edgePoints(
      detectEdges(drawn(64, 64, (x, y) => (Math.hypot(x - 31.5, y - 31.5) < 20 ? 0 : 1))),
    );
    for (const [x, y] of points) expect(Math.abs(Math.hypot(x - 31.5, y - 31.5) - 20)).toBeLessThan(1.5);
    const inside = new Set(points.map(([x, y]) => y * 64 + x));
    // A flood in four directions from the middle stays within the ring.
    const seen = new Set([32 * 64 + 32]);
    for (const at of seen)
      for (const step of [1, -1, 64, -64]) if (!inside.has(at + step)) seen.add(at + step);
    expect(seen.size).toBeLessThan(Math.PI * 20 * 20);
    expect(seen.size).toBeGreaterThan(Math.PI * 17 * 17);
  });

  it("begin at the high contrast and go on at the low one", () => {
    const step = (height: number) => drawn(32, 32, (x) => (x < 16 ? 0.4 : 0.4 + height));
    const count = (height: number) => edgePoints(detectEdges(step(height))).length;
    expect(count(CANNY_DEFAULTS.high - 0.01)).toBe(0);
    expect(count(CANNY_DEFAULTS.high + 0.01)).toBe(32);
    // Near its end the line has a contrast between low and high: it goes on from where it began.
    const fade = (y: number) => Math.max(0.13, 0.5 - 0.02 * Math.max(0, y - 20));
    const fading = drawn(32, 60, (x, y) => (x < 16 ? 0.1 : 0.1 + fade(y)));
    expect(edgePoints(detectEdges(fading)).filter(([, y]) => y >= 40)).toHaveLength(20);
    const alone = drawn(32, 60, (x, y) => (x < 16 ? 0.1 : 0.1 + (y < 30 ? 0 : 0.13)));
    expect(edgePoints(detectEdges(alone))).toEqual([]);
  });

  it("of faint noise and of one colour are none", () => {
    expect(edgePoints(detectEdges(drawn(32, 32, () => 0.5)))).toEqual([]);
    const noise = noiseImage(64, 64, 1);
    expect(
      edgePoints(detectEdges(drawn(64, 64, (x, y) => 0.5 + (noise.data[y * 64 + x]! / 255 - 0.5) * 0.1))),
    ).toEqual([]);
  });

  it("are those of the same image in other channels and depths", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), fc.integer({ min: 1, max: 24 }), (seed, size) => {
        const gray = noiseImage(size, 17, 1, 8, String(seed));
        const edges = detectEdges(gray).data;
        const rgb = {
          ...gray,
          channels: 3,
          data: Uint8Array.from({ length: 3 * size * 17 }, (_, i) => gray.data[Math.floor(i / 3)]!),
        };
        const deep = {
          ...gray,
          depth: 16 as const,
          data: Uint16Array.from(gray.data, (value) => value * 257),
        };
        expect(detectEdges(rgb).data).toEqual(edges);
        expect(detectEdges(deep).data).toEqual(edges);
      }),
      { numRuns: 30 },
    );
  });

  it("are scikit-image's", async () => {
    const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}.png`, import.meta.url));
    const ours = detectEdges(await decodeImage(fixture("picture")));
    const theirs = await decodeImage(fixture("edges"));
    // It finds none on the outermost pixels, where it has no neighbours to compare.
    const inner = ({ width, height, data }: Image) =>
      edgePoints({ ...ours, data }).filter(([x, y]) => x > 1 && y > 1 && x < width - 2 && y < height - 2);
    expect(inner(ours).length).toBeGreaterThan(500);
    expect(inner(ours)).toEqual(inner(theirs));
  });

  it("are drawn for a whole folder, or for none", async () => {
    const base = fresh();
    await noiseFiles(join(base, "in"), ["1.jpg", "sub/2.png"]);
    expect(await drawEdges(join(base, "in"), join(base, "out"), CANNY_DEFAULTS, watcher)).toBe(2);
    expect(tree(join(base, "out"))).toEqual(["1.png", "sub/2.png"]);
    const edges = await decodeImage(join(base, "out/1.png"));
    expect(edges).toMatchObject({ width: 10, height: 8, channels: 1, depth: 8 });

    writeFileSync(join(base, "in/bad.png"), "no image");
    const bad = drawEdges(join(base, "in"), join(base, "out2"), CANNY_DEFAULTS, watcher);
    expect((await failure(bad)).code).toBe("E_IMAGE_READ");
    await writeImage(join(base, "in/1.png"), noiseImage(4, 4));
    const twice = drawEdges(join(base, "in"), join(base, "out2"), CANNY_DEFAULTS, watcher);
    expect((await failure(twice)).code).toBe("E_DATA_PAIR");
    const wrong = drawEdges(join(base, "in"), join(base, "out2"), { ...CANNY_DEFAULTS, low: 0.5 }, watcher);
    expect((await failure(wrong)).code).toBe("E_OPTION");
    expect(readdirSync(base).sort()).toEqual(["in", "out"]);
  });
});
