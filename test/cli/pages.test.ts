import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { noiseImage, temporaryFolder, writeImage } from "../data/files.js";
import { CHROMIUM, launchChromium } from "../setup/chromium.js";
import { writeRun } from "../translation/models.js";
import { runCli } from "./run-cli.js";

const cwd = temporaryFolder("pages");
const IMAGES = 12;

/** A page as its reader meets it. */
interface Seen {
  readonly widths: number[];
  readonly alts: string[];
  readonly headings: string[];
  /** Titles of cards that do not fit, and are cut. */
  readonly cut: number;
  readonly mains: number;
  /** How much wider than the window it is. */
  readonly overflow: number;
  readonly colours: string[];
  readonly text: string;
}

/** Runs in the page; text, because the tests are compiled without the types of browsers. */
const LOOK = `(async () => {
  const images = [...document.images];
  for (const image of images) image.loading = "eager";
  await Promise.all(images.map((image) => image.decode()));
  const style = getComputedStyle(document.body);
  const all = (selector) => [...document.querySelectorAll(selector)];
  return {
    widths: images.map((image) => image.naturalWidth),
    alts: images.map((image) => image.alt),
    headings: all("h1, h2, h3").map((heading) => heading.tagName + " " + heading.innerText),
    cut: all("article span").filter((title) => title.scrollWidth > title.clientWidth).length,
    mains: all("main").length,
    overflow: document.documentElement.scrollWidth - innerWidth,
    colours: [style.backgroundColor, style.color],
    text: document.body.innerText,
  };
})()`;

describe.skipIf(CHROMIUM === undefined)("in a browser", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium();
    await writeRun(join(cwd, "runs"), "pairs");
    for (const folder of ["trainA", "trainB", "testA", "testB"]) {
      for (let i = 0; i < IMAGES; i++) {
        await writeImage(join(cwd, `data/${folder}/icon-${i}.png`), noiseImage(64, 64, 3, 8, folder + i));
      }
    }
    await mkdir(join(cwd, "photos"));
    await writeImage(join(cwd, "photos/a wide & large one.jpg"), noiseImage(300, 100));
    await writeImage(join(cwd, "photos/small #1.png"), noiseImage(20, 30));
    await writeFile(join(cwd, "photos/broken.png"), "no image");
  });
  afterAll(() => browser?.close());

  /** Opens a page and looks at it; nothing may be complained about in the console. */
  async function open(path: string, width: number, colorScheme: "light" | "dark" = "light") {
    const page = await browser.newPage({ viewport: { width, height: 800 }, colorScheme });
    const complaints: string[] = [];
    page.on("console", (message) => complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("requestfailed", (request) => complaints.push(`${request.url()} failed`));
    await page.goto(pathToFileURL(join(cwd, path)).href);
    const seen = await page.evaluate<Seen>(LOOK);
    await page.close();
    expect(complaints).toEqual([]);
    expect(Math.min(...seen.widths)).toBeGreaterThan(0);
    expect(seen.alts.filter((alt) => alt === "")).toEqual([]);
    expect(new Set(seen.alts).size).toBe(seen.alts.length);
    expect(seen.mains).toBe(1);
    expect(seen.headings.filter((heading) => heading.startsWith("H1"))).toHaveLength(1);
    return seen;
  }

  it("the report of eval shows scores, the worst and the best, and how it was measured", async () => {
    const args = ["eval", "pairs", "--dataroot", "data", "--out", "report"];
    const { status, stderr } = await runCli(args, { cwd });
    expect(status, stderr).toBe(0);
    const { widths, headings, text, alts } = await open("report/index.html", 1200);
    expect(widths).toEqual(new Array(3 * IMAGES).fill(64));
    expect(headings[0]).toBe("H1 Evaluation of pairs");
    expect(headings.filter((heading) => heading.startsWith("H2"))).toEqual([
      "H2 Against the truth",
      "H2 Worst by PSNR 8 of 12",
      "H2 Best by PSNR 4 of 12",
      "H2 Protocol",
    ]);
    expect(alts[1]).toMatch(/^output of icon-\d+$/);
    expect(text).toMatch(/12 images, 64×64 · data, phase test, AtoB, all 12 inputs, with truth/);
    expect(text).toMatch(/L1 ↓\s+PSNR dB ↑\s+SSIM ↑\s+identity\s+0\.\d{4}\s+\d+\.\d\d\s+/);
    expect(text).toContain("7×7 uniform window");
    const psnr = [...text.matchAll(/PSNR (\d+\.\d\d) · SSIM/g)].map((match) => Number(match[1]));
    expect(psnr).toHaveLength(IMAGES);
    const [worst, best] = [psnr.slice(0, 8), psnr.slice(8)];
    expect(worst).toEqual([...worst].sort((a, b) => a - b));
    expect(Math.min(...best)).toBeGreaterThanOrEqual(Math.max(...worst));
  });

  it("the results of translate show every image beside its input, and what failed", async () => {
    const { status } = await runCli(["translate", "pairs", "photos", "--out", "results"], { cwd });
    expect(status).toBe(1);
    const { widths, headings, text, alts } = await open("results/index.html", 1200);
    expect(widths).toEqual([300, 300, 20, 20]);
    expect(headings[0]).toBe("H1 Translated by pairs");
    expect(headings.slice(2)).toEqual([
      expect.stringMatching(/^H2 a wide & large one\.jpg\s+300×100$/),
      expect.stringMatching(/^H2 small #1\.png\s+20×30$/),
    ]);
    expect(alts.slice(0, 2)).toEqual(["input of a wide & large one.jpg", "output of a wide & large one.jpg"]);
    expect(text).toContain("2 images · 1 not translated · net_G · unet_64");
    expect(text).toMatch(/Not translated\s+photos\/broken\.png E_IMAGE_READ: /);
    expect(text).toContain("output (fake_B)");
  });

  it.each(["report", "results"])(
    "%s fits a telephone, and follows the system's dark mode",
    async (folder) => {
      const narrow = await open(`${folder}/index.html`, 360);
      expect([narrow.overflow, narrow.cut]).toEqual([0, 0]);
      const dark = await open(`${folder}/index.html`, 360, "dark");
      const brightness = (colour: string | undefined) =>
        (colour?.match(/\d+/g) ?? []).map(Number).reduce((sum, channel) => sum + channel, 0) / 3;
      expect(narrow.colours.map(brightness)).toEqual([expect.closeTo(250, -1), expect.closeTo(28, -1)]);
      expect(dark.colours.map(brightness)).toEqual([expect.closeTo(22, -1), expect.closeTo(236, -1)]);
    },
  );
});
