import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { encodeImage } from "../../src/data/image.js";
import { compareFolders } from "../../src/evaluation/folders.js";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "pixcycle-scores-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** Writes folder/name as PNG: a ramp of gray levels between 20 and 200, mapped. */
async function write(folder: string, name: string, map: (level: number) => number, size = 8): Promise<void> {
  await mkdir(join(root, folder), { recursive: true });
  const shift = name.startsWith("one") ? 1 : 3;
  const data = Uint8Array.from({ length: size * size * 3 }, (_, i) =>
    map(20 + ((Math.floor(i / 3) * 7 + (i % 3) * 40 + shift * 11) % 180)),
  );
  const image = { width: size, height: size, channels: 3, depth: 8 as const, data };
  await writeFile(join(root, folder, name), await encodeImage(image, "png"));
}

const brighter = (level: number) => level + 40;
const same = (level: number) => level;

async function writeSet(): Promise<void> {
  for (const name of ["one.png", "three.png"]) {
    await write("testA", name, same);
    await write("testB", name, brighter);
  }
  await write("trainA", "other image.png", same);
  await write("trainB", "other image.png", brighter);
}

const folders = (split: string) => ({ inputs: join(root, `${split}A`), truth: join(root, `${split}B`) });

describe("compareFolders", () => {
  it("scores the baselines and every method, by plain names or the reference's", async () => {
    await writeSet();
    for (const name of ["one", "three"]) {
      await write("plain", `${name}.png`, (level) => level + 20);
      await write("reference", `${name}_real_A.png`, same);
      await write("reference", `${name}_fake_B.png`, (level) => level + 30);
    }
    const outputs = new Map([
      ["plain", join(root, "plain")],
      ["reference", join(root, "reference")],
    ]);
    const table = await compareFolders({ ...folders("test"), fit: folders("train"), outputs });
    expect([...table.keys()]).toEqual(["identity", "regression", "plain", "reference"]);
    expect(table.get("identity")!.l1).toBeCloseTo(40 / 255, 6);
    expect(table.get("identity")!.psnr).toBeCloseTo(20 * Math.log10(255 / 40), 4);
    expect(table.get("plain")!.l1).toBeCloseTo(20 / 255, 6);
    expect(table.get("reference")!.l1).toBeCloseTo(10 / 255, 6);
    expect(table.get("regression")!.psnr).toBeGreaterThan(60);
  });

  it("leaves the regression out without training pairs", async () => {
    await writeSet();
    const table = await compareFolders({ ...folders("test"), outputs: new Map() });
    expect([...table.keys()]).toEqual(["identity"]);
  });

  it("names what is missing, empty, unmatched or of another size", async () => {
    await writeSet();
    const compare = (outputs: string) =>
      compareFolders({ ...folders("test"), outputs: new Map([["method", join(root, outputs)]]) });
    await expect(compare("nowhere")).rejects.toMatchObject({ code: "E_DATA_MISSING" });
    await mkdir(join(root, "empty"));
    await expect(compare("empty")).rejects.toMatchObject({ code: "E_DATA_EMPTY" });
    await write("partial", "one.png", same);
    await expect(compare("partial")).rejects.toMatchObject({
      code: "E_DATA_PAIR",
      message: expect.stringContaining("three.png"),
    });
    await write("sized", "one.png", same);
    await write("sized", "three.png", same, 9);
    await expect(compare("sized")).rejects.toMatchObject({
      code: "E_SHAPE",
      message: expect.stringContaining("9×9"),
    });
  });
});
