import {
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { writeBuiltin } from "../../src/data/builtin.js";
import { type Examination, type ExamineOptions, examineDataset } from "../../src/data/doctor/examine.js";
import type { Finding } from "../../src/data/doctor/findings.js";
import { describePicture } from "../../src/data/doctor/picture.js";
import { contactSheet } from "../../src/data/doctor/sheet.js";
import { findSwapped } from "../../src/data/doctor/swapped.js";
import { decodeImage, encodeImage } from "../../src/data/image.js";
import type { Image } from "../../src/data/pixels.js";
import { resizeBicubic } from "../../src/data/resize.js";
import { sideBySide } from "../../src/data/tools/combine.js";
import { RandomStream } from "../../src/random/philox.js";
import { datasetOptions, failure, noiseImage, temporaryFolder, writeImage } from "../data/files.js";

const root = temporaryFolder("doctor");
let folders = 0;

function examine(folder: string, changes: Partial<ExamineOptions> = {}): Promise<Examination> {
  const { phase: _, ...options } = datasetOptions(folder);
  return examineDataset(
    { ...options, dataset_mode: undefined, batch_size: 1, preprocess: "resize_and_crop", ...changes },
    { onImage: () => undefined, signal: new AbortController().signal },
  );
}

const builtin = join(root, "builtin");
beforeAll(() => writeBuiltin(builtin, { task: "flat-to-3d", layout: "aligned" }));

/** A copy of the built-in set as ordinary folders, to spoil: 224 + 32 pairs, flat icons and 3D renders. */
function icons(): string {
  const folder = join(root, String(folders++));
  cpSync(builtin, folder, { recursive: true });
  return folder;
}

/** Images of noise at `sub/name.png` of a new folder, each of its own. */
async function noiseSet(names: readonly string[]): Promise<string> {
  const folder = join(root, String(folders++));
  for (const name of names) await writeImage(join(folder, name), noiseImage(16, 16, 3, 8, name));
  return folder;
}

const about = ({ findings }: Examination, topic: string): Finding[] =>
  findings.filter((finding) => finding.topic === topic);
const problems = ({ findings }: Examination): Finding[] =>
  findings.filter(({ severity }) => severity === "problem");

function swap(folder: string, one: string, other: string): void {
  renameSync(join(folder, one), join(folder, "aside"));
  renameSync(join(folder, other), join(folder, one));
  renameSync(join(folder, "aside"), join(folder, other));
}

describe("a sound set", () => {
  it("of pairs in two folders has no problems", async () => {
    const found = await examine(icons());
    expect(found).toMatchObject({ mode: "aligned", files: 512, kinds: { "64×64 RGB": 512 } });
    expect(found.phases).toEqual([
      { name: "train", A: 224, B: 224 },
      { name: "test", A: 32, B: 32 },
    ]);
    expect(problems(found)).toEqual([]);
  });

  it("of pairs side by side", async () => {
    const folder = await noiseSet(["train/1.png", "train/2.png", "test/3.png"]);
    const found = await examine(folder);
    expect(found).toMatchObject({ mode: "aligned", files: 3, kinds: { "8×16 RGB": 6 } });
    expect(problems(found)).toEqual([]);
  });

  it("without pairs, or of one folder", async () => {
    const unpaired = await examine(await noiseSet(["trainA/1.png", "trainA/2.png", "trainB/x.png"]));
    expect(unpaired).toMatchObject({ mode: "unaligned", phases: [{ name: "train", A: 2, B: 1 }] });
    expect(about(unpaired, "no test part")).toHaveLength(1);
    const single = await examine(await noiseSet(["1.png", "2.png"]));
    expect(single).toMatchObject({ mode: "single", phases: [{ name: "", A: 2, B: 0 }], findings: [] });
  });
});

describe("names and files", () => {
  it("finds every image without a partner", async () => {
    const names = ["1", "2", "3", "4"].flatMap((name) => [`trainA/${name}.png`, `trainB/${name}.png`]);
    const folder = await noiseSet([
      ...names,
      "trainA/only.png",
      "trainB/other.png",
      "trainA/X.png",
      "trainB/x.png",
    ]);
    const found = await examine(folder);
    const [unmatched] = about(found, "E_DATA_PAIR");
    expect(unmatched!.files.map((file) => file.slice(folder.length + 1)).sort()).toEqual([
      "trainA/X.png",
      "trainA/only.png",
      "trainB/other.png",
      "trainB/x.png",
    ]);
    expect(unmatched!.message).toContain("differ only in capitals");
  });

  it("finds damaged files, whatever is wrong with them", async () => {
    const folder = await noiseSet(["trainA/1.png", "trainB/1.png", "trainA/2.png", "trainB/2.png"]);
    const good = readFileSync(join(folder, "trainA/1.png"));
    const spoil = (name: string, bytes: Uint8Array) => {
      writeFileSync(join(folder, name), bytes);
      copyFileSync(join(folder, "trainB/1.png"), join(folder, name.replace("trainA", "trainB")));
    };
    spoil("trainA/cut.png", good.subarray(0, good.length / 2));
    spoil("trainA/text.png", Buffer.from("not an image"));
    spoil("trainA/empty.png", Buffer.alloc(0));
    const flipped = Buffer.from(good);
    flipped[good.length >> 1]! ^= 0xff;
    spoil("trainA/flipped.png", flipped);
    const found = await examine(folder);
    const read = about(found, "E_IMAGE_READ");
    for (const name of ["cut", "text", "empty", "flipped"]) {
      expect(
        read.filter(({ message }) => message.includes(`${name}.png`)),
        name,
      ).toHaveLength(1);
    }
    expect(read).toHaveLength(4);
  });

  it("finds pairs of unequal size, and files that are no images", async () => {
    const folder = await noiseSet(["trainA/1.png", "trainB/1.png"]);
    await writeImage(join(folder, "trainA/2.png"), noiseImage(16, 16));
    await writeImage(join(folder, "trainB/2.png"), noiseImage(16, 24));
    writeFileSync(join(folder, "trainA/list.txt"), "1 2");
    const found = await examine(folder, { preprocess: "crop" });
    expect(about(found, "E_DATA_SIZE")[0]!.message).toMatch(/2.png differ in size: 16×16 and 16×24/);
    expect(about(found, "other files")[0]!.files).toEqual([join(folder, "trainA/list.txt")]);
    const squashed = about(await examine(folder), "sizes");
    expect(squashed[0]!.message).toMatch(/^Not square: 1 image;/);
  });

  it("finds two images of one name", async () => {
    const names = ["1", "2", "3"].flatMap((name) => [`trainA/${name}.png`, `trainB/${name}.png`]);
    const folder = await noiseSet(names);
    await writeImage(join(folder, "trainA/2.tif"), noiseImage(16, 16));
    const [found, ...others] = about(await examine(folder), "E_DATA_PAIR");
    expect(others).toEqual([]);
    expect(found!.message).toBe("3 images of train whose names differ only in their endings.");
    const named = ["trainA/2.png", "trainA/2.tif", "trainB/2.png"];
    expect(found!.files.toSorted()).toEqual(named.map((name) => join(folder, name)));
  });

  it("finds images that are too small for the training", async () => {
    const folder = await noiseSet(["trainA/1.png", "trainB/1.png"]);
    await writeImage(join(folder, "trainA/2.png"), noiseImage(64, 64));
    await writeImage(join(folder, "trainB/2.png"), noiseImage(64, 64));
    const cropped = await examine(folder, { preprocess: "crop", crop_size: 32 });
    expect(problems(cropped).map(({ topic, message }) => [topic, message])).toEqual([
      ["E_DATA_SIZE", expect.stringContaining("trainA/1.png")],
    ]);
    const enlarged = await examine(folder, { load_size: 40, crop_size: 32 });
    expect(problems(enlarged)).toEqual([]);
    expect(about(enlarged, "sizes").map(({ message }) => message)).toEqual([
      "Enlarged more than twice, to --load_size 40: 2 images.",
    ]);
  });

  it("finds that there are no colours to learn from", async () => {
    const folder = join(root, String(folders++));
    for (const name of ["1", "2"]) await writeImage(join(folder, `train/${name}.png`), noiseImage(16, 16, 1));
    const found = await examine(folder, { dataset_mode: "colorization", input_nc: 1, output_nc: 2 });
    expect(problems(found).map(({ topic }) => topic)).toEqual(["E_DATA_EMPTY"]);
  });

  it("of nothing is an error", async () => {
    expect((await failure(examine(join(root, "nowhere")))).code).toBe("E_DATA_MISSING");
    const empty = join(root, "empty");
    mkdirSync(join(empty, "train"), { recursive: true });
    expect(problems(await examine(empty)).map(({ topic }) => topic)).toEqual(["E_DATA_EMPTY"]);
  });
});

describe("duplicates", () => {
  it("finds test pairs that were trained on: a problem when exact, a warning when nearly", async () => {
    const folder = icons();
    const [first, second, third] = readdirSync(join(folder, "trainA"));
    for (const side of ["A", "B"]) {
      copyFileSync(join(folder, `train${side}`, first!), join(folder, `test${side}`, "copy.png"));
      const image = await decodeImage(join(folder, `train${side}`, second!));
      writeFileSync(
        join(folder, `test${side}`, "jpeg.jpg"),
        await encodeImage(resizeBicubic(image, 96, 96), "jpeg"),
      );
    }
    // One side alone is no copy of the pair.
    copyFileSync(join(folder, "trainA", third!), join(folder, "testA", "half.png"));
    copyFileSync(join(folder, "trainB", first!), join(folder, "testB", "half.png"));
    const found = about(await examine(folder), "duplicates").filter(({ message }) =>
      message.includes("both"),
    );
    expect(found.map(({ severity, files }) => [severity, files])).toEqual([
      ["problem", [`${join(folder, "trainA", first!)} = ${join(folder, "testA", "copy.png")}`]],
      ["warning", [`${join(folder, "trainA", second!)} = ${join(folder, "testA", "jpeg.jpg")}`]],
    ]);
  });

  it("finds the same picture in another file, and on both sides", async () => {
    const folder = await noiseSet(["trainA/1.png", "trainA/2.png", "trainB/3.png", "trainB/4.png"]);
    const image = await decodeImage(join(folder, "trainA/1.png"));
    await writeImage(join(folder, "trainA/again.tif"), image);
    await writeImage(join(folder, "trainB/b.webp"), image);
    const found = about(await examine(folder), "duplicates");
    expect(found.map(({ message }) => message).sort()).toEqual([
      "1 image exactly the same in both trainA and trainB.",
      "1 image exactly the same within trainA.",
    ]);
  });

  it("does not take every icon on white for the same", async () => {
    const found = about(await examine(icons()), "duplicates");
    const named = found.flatMap(({ files }) => files);
    // Of 256 icons: cat faces, and people of two genders, that a person has to look twice at.
    expect(named.length).toBeLessThanOrEqual(8);
  });
});

describe("sides", () => {
  it("finds pairs whose sides are exchanged, and no others", async () => {
    const folder = icons();
    const names = readdirSync(join(folder, "trainA")).filter((_, index) => index % 20 === 3);
    for (const name of names) swap(folder, join("trainA", name), join("trainB", name));
    const [swapped, ...others] = about(await examine(folder), "swapped sides");
    expect(others).toEqual([]);
    const wrong = new Set(names.map((name) => join(folder, "trainA", name)));
    expect(swapped!.files.every((file) => wrong.has(file))).toBe(true);
    expect(swapped!.files.length).toBeGreaterThanOrEqual(wrong.size / 2);
    expect(swapped!.message).toMatch(/^\d+ pairs of train with sides that look exchanged/);
  });

  it("finds a whole part that is the other way round", async () => {
    const folder = icons();
    swap(folder, "testA", "testB");
    const [swapped] = about(await examine(folder), "swapped sides");
    expect(swapped!.message).toMatch(/^Most pairs of test with sides that look exchanged/);
  });

  it("finds unpaired images in the wrong folder where the sides differ enough", async () => {
    const draw = new RandomStream(1, "sides");
    const folder = join(root, String(folders++));
    const write = (name: string, light: number) => {
      const image = noiseImage(16, 16, 3, 8, name);
      const data = image.data.map((value) => value * 0.2 + light + draw.int(20)) as Uint8Array;
      return writeImage(join(folder, name), { ...image, data });
    };
    for (let i = 0; i < 12; i++) {
      await write(`trainA/a${i}.png`, i === 5 ? 180 : 10);
      await write(`trainB/b${i}.png`, 180);
    }
    const [wrong] = about(await examine(folder), "swapped sides");
    expect(wrong!.files).toEqual([join(folder, "trainA/a5.png")]);
  });

  it("says nothing where the sides look alike", async () => {
    const names = Array.from({ length: 20 }, (_, i) => [`trainA/${i}.png`, `trainB/${i}.png`]).flat();
    expect(about(await examine(await noiseSet(names)), "swapped sides")).toEqual([]);
    expect(findSwapped([])).toBeUndefined();
  });

  it("finds a side saved in the place of the other", async () => {
    const folder = await noiseSet(["trainA/1.png", "trainB/1.png", "trainA/2.png"]);
    copyFileSync(join(folder, "trainA/2.png"), join(folder, "trainB/2.png"));
    expect(about(await examine(folder), "identical sides")[0]!.files).toEqual([join(folder, "trainA/2.png")]);
  });
});

describe("channels", () => {
  it("tells of rare kinds, transparency and blank images", async () => {
    const folder = await noiseSet(["1.png", "2.png", "3.png"]);
    await writeImage(join(folder, "gray.png"), noiseImage(16, 16, 1));
    await writeImage(join(folder, "clear.png"), noiseImage(16, 16, 4));
    await writeImage(join(folder, "deep.png"), noiseImage(16, 16, 3, 16));
    const white: Image = { ...noiseImage(16, 16), data: new Uint8Array(768).fill(255) };
    await writeImage(join(folder, "white.png"), white);
    const found = await examine(folder);
    expect(
      about(found, "channels")
        .map(({ message }) => message)
        .sort(),
    ).toEqual([
      "1 image of side A in RGB of 16 bits, the others in RGB.",
      "1 image of side A in RGBA, the others in RGB.",
      "1 image of side A in gray, the others in RGB.",
    ]);
    expect(about(found, "transparency")[0]!.files).toEqual([join(folder, "clear.png")]);
    expect(about(found, "blank images")[0]!.files).toEqual([join(folder, "white.png")]);
  });

  it("describes images of any channels and depth alike", () => {
    const gray = noiseImage(20, 10, 1);
    const rgb = {
      ...gray,
      channels: 3,
      data: Uint8Array.from({ length: 600 }, (_, i) => gray.data[Math.floor(i / 3)]!),
    };
    const deep = { ...gray, depth: 16 as const, data: Uint16Array.from(gray.data, (value) => value * 257) };
    for (const other of [rgb, deep]) {
      expect(describePicture(other).small).toEqual(describePicture(gray).small);
      expect(describePicture(other).hash).toEqual(describePicture(gray).hash);
    }
    expect(describePicture(noiseImage(3, 2, 7)).small).toHaveLength(768);
    expect(describePicture(noiseImage(1, 1)).deviation).toBeGreaterThan(0);
  });
});

describe("the contact sheet", () => {
  it("shows what was noticed first, halves apart, at most 128 pixels", async () => {
    const folder = join(root, String(folders++));
    for (let i = 0; i < 9; i++) {
      const pair = sideBySide(noiseImage(200, 100, 3, 8, `a${i}`), noiseImage(200, 100, 3, 8, `b${i}`), {
        A: "",
        B: "",
      });
      await writeImage(join(folder, "train", `${i}.png`), pair);
    }
    mkdirSync(dirname(join(folder, "test", "x")), { recursive: true });
    copyFileSync(join(folder, "train/7.png"), join(folder, "test/copy.png"));
    const found = await examine(folder);
    const rows = await contactSheet(found, 4);
    expect(rows.map((row) => row.map(({ shape }) => shape))).toEqual(
      Array.from({ length: 4 }, () => [
        [3, 64, 128],
        [3, 64, 128],
      ]),
    );
    const only = await contactSheet({ ...found, findings: [] }, 100);
    expect(only).toHaveLength(10);
    expect(rows[0]![0]!.data).toEqual(only[7]![0]!.data);
  });
});
