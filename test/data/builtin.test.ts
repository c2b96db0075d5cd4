import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadBuiltin, writeBuiltin } from "../../src/data/builtin.js";
import { decodeImage } from "../../src/data/image.js";
import type { Image } from "../../src/data/pixels.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "pixcycle-builtin-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const namesOf = (icons: readonly { name: string }[]) => icons.map(({ name }) => name);

/** Intersection over union of what is not white. */
function silhouetteOverlap(a: Image, b: Image): number {
  const inked = ({ data }: Image, i: number) => data[i * 3]! + data[i * 3 + 1]! + data[i * 3 + 2]! < 720;
  let both = 0;
  let either = 0;
  for (let i = 0; i < a.width * a.height; i++) {
    const [inA, inB] = [inked(a, i), inked(b, i)];
    if (inA && inB) both++;
    if (inA || inB) either++;
  }
  return both / either;
}

describe("the built-in set in memory", () => {
  it("has 224 training and 32 held-out icons, aligned between the styles", async () => {
    const set = await loadBuiltin({ task: "flat-to-3d", layout: "aligned" });
    expect([set.trainA.length, set.trainB.length, set.testA.length, set.testB.length]).toEqual([
      224, 224, 32, 32,
    ]);
    expect(namesOf(set.trainA)).toEqual(namesOf(set.trainB));
    expect(namesOf(set.testA)).toEqual(namesOf(set.testB));
    expect(new Set([...namesOf(set.trainA), ...namesOf(set.testA)]).size).toBe(256);
    const meanOverlap = (shift: number) =>
      set.testA.reduce(
        (sum, { image }, i) => sum + silhouetteOverlap(image, set.testB[(i + shift) % 32]!.image),
        0,
      ) / 32;
    expect(meanOverlap(0)).toBeGreaterThan(0.9);
    expect(meanOverlap(1)).toBeLessThan(0.7);
  });

  it("shares no training icon between the sides when unaligned", async () => {
    const set = await loadBuiltin({ task: "flat-to-3d", layout: "unaligned" });
    expect([set.trainA.length, set.trainB.length, set.testA.length]).toEqual([112, 112, 32]);
    const sideB = new Set(namesOf(set.trainB));
    expect(namesOf(set.trainA).filter((name) => sideB.has(name))).toEqual([]);
    expect(namesOf(set.testA)).toEqual(namesOf(set.testB));
  });

  it("has line art in black on white for colouring", async () => {
    const set = await loadBuiltin({ task: "line-to-flat", layout: "aligned" });
    const isGray = ({ data }: Image) => data.every((v, i) => v === data[i - (i % 3)]);
    expect(set.trainA.filter(({ image }) => !isGray(image))).toEqual([]);
    const flat = await loadBuiltin({ task: "flat-to-3d", layout: "aligned" });
    expect(namesOf(set.trainB)).toEqual(namesOf(flat.trainA));
    const bytesOf = (icons: readonly { image: Image }[]) =>
      icons.map(({ image }) => Buffer.from(image.data).toString("hex"));
    expect(bytesOf(set.trainB)).toEqual(bytesOf(flat.trainA));
  });
});

describe("the built-in set as folders", () => {
  it("holds the same pixels, and is written once", async () => {
    const options = { task: "flat-to-3d", layout: "aligned" } as const;
    const target = join(folder, "runs", "data");
    await writeBuiltin(target, options);
    const set = await loadBuiltin(options);
    for (const [name, icons] of Object.entries(set)) {
      expect(await readdir(join(target, name))).toEqual(
        namesOf(icons)
          .map((icon) => `${icon}.png`)
          .sort(),
      );
    }
    const [first] = set.testB;
    expect(await decodeImage(join(target, "testB", `${first!.name}.png`))).toEqual(first!.image);
    const { mtimeMs } = await stat(join(target, "trainA"));
    await writeBuiltin(target, options);
    expect((await stat(join(target, "trainA"))).mtimeMs).toBe(mtimeMs);
  });

  it("is written again for other options, and after an interrupted run", async () => {
    await writeBuiltin(folder, { task: "flat-to-3d", layout: "aligned" });
    await writeBuiltin(folder, { task: "flat-to-3d", layout: "unaligned" });
    expect((await readdir(join(folder, "trainA"))).length).toBe(112);
    const image = join(folder, "testA", "ghost.png");
    const bytes = await readFile(image);
    await rm(image);
    await rm(join(folder, "builtin.json"));
    await writeBuiltin(folder, { task: "flat-to-3d", layout: "unaligned" });
    expect(await readFile(image)).toEqual(bytes);
    expect((await readdir(folder)).sort()).toEqual(["builtin.json", "testA", "testB", "trainA", "trainB"]);
  });

  it("says so when the place is a file", async () => {
    const file = join(folder, "file");
    await writeFile(file, "");
    await expect(writeBuiltin(file, { task: "flat-to-3d", layout: "aligned" })).rejects.toMatchObject({
      code: "E_FILE_WRITE",
      hint: expect.stringContaining("folder"),
    });
    expect(await readFile(file, "utf8")).toBe("");
  });
});
