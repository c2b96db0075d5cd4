import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeImage } from "../../src/data/image.js";
import { imageToTensor, tensorToImage } from "../../src/data/pixels.js";
import { cropImage } from "../../src/data/transforms.js";
import { type TranslateFilesOptions, translateFiles } from "../../src/translation/folder.js";
import { loadTranslator } from "../../src/translation/load.js";
import type { Translator } from "../../src/translation/translator.js";
import { failure, noiseImage, temporaryFolder, writeImage } from "../data/files.js";
import { randomGenerator } from "./models.js";

const folder = temporaryFolder("folder");
const images = join(folder, "images");
let translator: Translator;
let outputs = 0;

beforeAll(async () => {
  translator = await loadTranslator({ weights: randomGenerator() }, { threads: 1 });
  await writeImage(join(images, "b.png"), noiseImage(9, 7));
  await writeImage(join(images, "a.jpg"), noiseImage(16, 16));
  await writeImage(join(images, "B.tif"), noiseImage(8, 8, 1, 16));
  await writeImage(join(images, "rgba & co.webp"), noiseImage(12, 8, 4));
  await writeFile(join(images, "cut.png"), (await readFile(join(images, "b.png"))).subarray(0, 100));
  await writeFile(join(images, "text.jpg"), "no image");
  await writeFile(join(images, "notes.txt"), "not meant");
  await writeImage(join(images, "deeper", "not_found.png"), noiseImage(8, 8));
});
afterAll(() => translator.close());

async function translate(
  paths: readonly string[],
  options: Partial<TranslateFilesOptions> = {},
  model = translator,
) {
  const out = join(folder, `out-${outputs++}`);
  const record = await translateFiles(model, paths, { out, ...options });
  return { out: options.out ?? out, record };
}

const named = (files: Readonly<Record<string, string>>): string[] => Object.values(files);

describe("a folder of images", () => {
  it("is translated in full, but for the files that are no images, which are named", async () => {
    const seen: string[] = [];
    const { out, record } = await translate([images], {
      onImage: (done, total, _, error) => seen.push(`${done}/${total}${error ? ` ${error.code}` : ""}`),
    });
    expect(
      record.results.map(({ input, width, height }) => [input.slice(images.length + 1), width, height]),
    ).toEqual([
      ["a.jpg", 16, 16],
      ["b.png", 9, 7],
      ["B.tif", 8, 8],
      ["rgba & co.webp", 12, 8],
    ]);
    expect(record.failures.map(({ input }) => input.slice(images.length + 1))).toEqual([
      "cut.png",
      "text.jpg",
    ]);
    for (const { error } of record.failures) expect(error).toMatch(/^E_IMAGE_READ: .*(cut\.png|text\.jpg)/);
    expect(record.skipped).toBe(0);
    expect(seen.map((line) => line.split(" ")[0])).toEqual(["1/6", "2/6", "3/6", "4/6", "5/6", "6/6"]);
    const written = record.results.flatMap(({ images: files }) => named(files));
    expect((await readdir(out)).sort()).toEqual([...written, "index.html", "results.json"].sort());
    expect(JSON.parse(await readFile(join(out, "results.json"), "utf8"))).toEqual(record);
  });

  it("keeps names, sizes and depths, and shows the input as the generator sees it", async () => {
    const { out, record } = await translate([images]);
    const [, small, deep, alpha] = record.results;
    expect(named(small!.images)).toEqual(["b_real_A.png", "b_fake_B.png"]);
    // Two names that differ in case only would be one file on some systems.
    expect(named(deep!.images)).toEqual(["B_2_real_A.png", "B_2_fake_B.png"]);
    const fake = await decodeImage(join(out, "B_2_fake_B.png"));
    expect(fake).toMatchObject({ width: 8, height: 8, channels: 3, depth: 16 });
    expect(await decodeImage(join(out, "b_real_A.png"))).toEqual(await decodeImage(join(images, "b.png")));
    expect(await decodeImage(join(out, named(alpha!.images)[0]!))).toEqual(
      await decodeImage(join(images, "rgba & co.webp"), { channels: 3 }),
    );
    const expected = await translator.translate(join(images, "b.png"));
    expect(await decodeImage(join(out, "b_fake_B.png"))).toEqual(expected);
  });

  it("gives the same in batches", async () => {
    const one = await translate([images]);
    const many = await translate([images], { batch: 8 });
    expect(many.record).toEqual(one.record);
    for (const { images: files } of one.record.results) {
      const [alone, together] = await Promise.all(
        [one.out, many.out].map((out) => decodeImage(join(out, files.fake_B!))),
      );
      const difference = alone!.data.map((value, i) => Math.abs(value - together!.data[i]!));
      // Sums in another order may round to the neighbouring level.
      expect(Math.max(...difference)).toBeLessThanOrEqual(1);
    }
  });

  it("is written in the format and depth that are asked for; what does not fit is named", async () => {
    const { out, record } = await translate([images], { format: "webp" });
    expect(record.failures.map(({ error }) => error.split(":")[0])).toEqual([
      ...["E_OPTION_CONFLICT", "E_IMAGE_READ", "E_IMAGE_READ"],
    ]);
    expect(await decodeImage(join(out, "b_fake_B.webp"))).toEqual(
      await translator.translate(join(images, "b.png")),
    );
    const eight = await translate([join(images, "B.tif")], { format: "jpeg", depth: 8 });
    expect(named(eight.record.results[0]!.images)).toEqual(["B_real_A.jpg", "B_fake_B.jpg"]);
  });

  it("is translated back by the other generator", async () => {
    const inverse = await loadTranslator({ weights: randomGenerator({}, { seed: 5 }) }, { threads: 1 });
    const { out, record } = await translate([join(images, "b.png")], { inverse });
    expect(named(record.results[0]!.images)).toEqual(["b_real_A.png", "b_fake_B.png", "b_rec_A.png"]);
    // The exact fake_B goes back, not the one that was rounded to 8 bits for its file.
    const fakes = await translator.translateTensors([imageToTensor(noiseImage(9, 7))]);
    const [back] = await inverse.translateTensors(fakes);
    await inverse.close();
    expect(await decodeImage(join(out, "b_rec_A.png"))).toEqual(tensorToImage(back!));
  });

  it("of pairs side by side is shown with the truth", async () => {
    const pairs = await loadTranslator(
      { weights: randomGenerator({}, { inputChannels: 1 }) },
      { threads: 1, dataset_mode: "aligned" },
    );
    const { out, record } = await translate([join(images, "a.jpg")], {}, pairs);
    await pairs.close();
    expect(record.results).toMatchObject([{ width: 8, height: 16 }]);
    expect(named(record.results[0]!.images)).toEqual(["a_real_A.png", "a_fake_B.png", "a_real_B.png"]);
    expect(await decodeImage(join(out, "a_real_A.png"))).toMatchObject({ width: 8, channels: 1 });
    expect(await decodeImage(join(out, "a_real_B.png"))).toEqual(
      cropImage(await decodeImage(join(images, "a.jpg")), 8, 0, 8, 16),
    );
  });

  it("that has no images is refused, and says which folders it has", async () => {
    const outer = join(folder, "outer");
    await writeImage(join(outer, "testA", "1.png"), noiseImage(8, 8));
    const error = await failure(translate([outer]));
    expect(error.toLine()).toMatch(/^E_DATA_EMPTY: .*outer holds no images\. .* It has the folders testA:/);
    expect((await failure(translate([join(folder, "none")]))).code).toBe("E_DATA_MISSING");
  });
});

describe("earlier results", () => {
  it("are replaced only knowingly", async () => {
    const { out } = await translate([join(images, "a.jpg")]);
    const error = await failure(translate([join(images, "b.png")], { out }));
    expect(error.toLine()).toMatch(/^E_OPTION_CONFLICT: .*index\.html exists\. .*--overwrite/);
    const { record } = await translate([join(images, "b.png")], { out, overwrite: true });
    expect(record.results).toHaveLength(1);
    expect(await readdir(out)).toContain("a_fake_B.png");
  });

  it("are not touched by a folder that cannot be made", async () => {
    const file = join(folder, "a-file");
    await writeFile(file, "mine");
    expect((await failure(translate([images], { out: join(file, "out") }))).code).toBe("E_FILE_WRITE");
    expect(await readFile(file, "utf8")).toBe("mine");
  });
});

describe("stopping", () => {
  it("ends after the images in work, and lists what is done", async () => {
    const stop = new AbortController();
    const { out, record } = await translate(
      [join(images, "a.jpg"), join(images, "b.png"), join(images, "B.tif")],
      {
        signal: stop.signal,
        onImage: () => stop.abort(),
      },
    );
    expect([record.results.length, record.skipped]).toEqual([1, 2]);
    expect(await readFile(join(out, "index.html"), "utf8")).toContain("1 image");
  });

  it("half way, by an error that is of no single image, lists what is done and why it ended", async () => {
    const out = join(folder, "half");
    const inputs = [join(images, "a.jpg"), join(images, "b.png"), join(images, "B.tif")];
    const failing = await loadTranslator({ weights: randomGenerator() }, { threads: 1 });
    const work = translateFiles(failing, inputs, { out, onImage: () => void failing.close() });
    const error = await failure(work);
    const record = JSON.parse(await readFile(join(out, "results.json"), "utf8"));
    expect([record.results.length, record.skipped]).toEqual([1, 2]);
    expect(record.error).toContain(error.message);
    const page = await readFile(join(out, "index.html"), "utf8");
    expect(page).toContain("2 not begun");
    expect(page).toContain("<b>The work ended early</b>");
  });

  it("before the first result leaves no list", async () => {
    const out = join(folder, "none");
    const closed = await loadTranslator({ weights: randomGenerator() }, { threads: 1 });
    await closed.close();
    await failure(translateFiles(closed, [join(images, "a.jpg")], { out }));
    expect(await readdir(out)).toEqual([]);
  });
});

describe("the page of results", () => {
  it("escapes names and links to files beside it", async () => {
    const odd = join(folder, "odd");
    await mkdir(odd);
    const name = `<b>"50% & more" #1?'.png`;
    await writeImage(join(odd, name), noiseImage(8, 8));
    await writeFile(join(odd, "<i>.png"), "no image");
    const { out } = await translate([odd]);
    const page = await readFile(join(out, "index.html"), "utf8");
    expect(page).not.toContain('<b>"50%');
    expect(page).not.toContain("<i>.png");
    expect(page).toContain("&lt;b&gt;&quot;50% &amp; more&quot; #1?&#39;.png");
    const links = [...page.matchAll(/(?:src|href)="([^"]*)"/g)].map((match) => match[1]!);
    expect(links).toHaveLength(4);
    const files = await readdir(out);
    for (const link of links) expect(files).toContain(decodeURIComponent(link.replaceAll("&#39;", "'")));
    expect(page).not.toMatch(/https?:|<script/);
  });
});
