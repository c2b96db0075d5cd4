import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { build } from "vite";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { decodeImage } from "../../src/data/image.js";
import type { Image } from "../../src/data/pixels.js";
import { runCli } from "../cli/run-cli.js";
import { noiseImage, writeImage } from "../data/files.js";
import { CHROMIUM, launchChromium } from "../setup/chromium.js";
import { StaticServer } from "./static-server.js";

const EXAMPLE = fileURLToPath(new URL("../../examples/browser-training/vite.config.ts", import.meta.url));
/** More than the hundred entries that a directory reader gives at once. */
const IMAGES = 103;
/** So many that none of the machines is done before it is paused. */
const STEPS = 400;

describe.skipIf(CHROMIUM === undefined)("the example page that trains", () => {
  let folder: string;
  let browser: Browser;
  let isolated: StaticServer;
  let plain: StaticServer;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "pixcycle-training-"));
    const outDir = join(folder, "site");
    await build({ configFile: EXAMPLE, logLevel: "error", build: { outDir } });
    for (let i = 0; i < IMAGES; i++) {
      // One side has a folder in it.
      const name = `${i === 0 ? "deep/" : ""}${String(i).padStart(3, "0")}.png`;
      for (const side of ["flat", "round"]) {
        await writeImage(join(folder, "data", side, name), noiseImage(34, 34, 3, 8, `${side} ${i}`));
      }
    }
    await writeImage(join(folder, "picture.png"), noiseImage(50, 40));
    await writeImage(join(folder, "pairs/1.png"), noiseImage(68, 34));
    await writeFile(join(folder, "pairs/2.png"), "no picture");
    await writeFile(join(folder, "pairs/notes.txt"), "not looked at");
    isolated = await StaticServer.start(outDir, { isolated: true });
    plain = await StaticServer.start(outDir);
    browser = await launchChromium();
  });

  afterAll(async () => {
    await browser?.close();
    await isolated?.stop();
    await plain?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  // A page that a failed test left behind would go on training.
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
  });

  async function open(server: StaticServer): Promise<Page> {
    const context = await browser.newContext({ acceptDownloads: true });
    // Training takes all cores, and the machine may have other work.
    context.setDefaultTimeout(110_000);
    const page = await context.newPage();
    await page.goto(`${server.origin}/`);
    await page.waitForFunction(`document.querySelector("#preset").length > 0`);
    return page;
  }

  /** Drops files and folders of this machine, as the system's file manager would. */
  async function drop(page: Page, target: string, ...paths: readonly string[]): Promise<void> {
    const box = (await page.locator(target).boundingBox())!;
    const devtools = await page.context().newCDPSession(page);
    for (const type of ["dragEnter", "dragOver", "drop"] as const) {
      await devtools.send("Input.dispatchDragEvent", {
        type,
        ...{ x: box.x + box.width / 2, y: box.y + box.height / 2 },
        data: { items: [], files: paths.map((path) => join(folder, path)), dragOperationsMask: 1 },
      });
    }
  }

  const text = (page: Page, selector: string): Promise<string | null> => page.textContent(selector);

  async function start(page: Page): Promise<void> {
    await page.selectOption("#size", "32");
    await page.fill("#steps", String(STEPS));
    await page.selectOption("#device-choice", "cpu");
    await page.click("#start");
    await page.waitForSelector("#training:not([hidden])");
  }

  const trained = (page: Page, steps: number): Promise<unknown> =>
    page.waitForFunction(`parseInt(document.querySelector("#step").textContent) >= ${steps}`);

  /** Pauses, and returns what the browser keeps: the losses of every step. */
  async function pause(page: Page): Promise<readonly Record<string, number>[]> {
    await page.click("#pause");
    await page.waitForFunction(`document.querySelector("#status").textContent.startsWith("Paused")`);
    return page.evaluate(`new Promise((resolve) => {
      const opening = indexedDB.open("pixcycle-training");
      opening.onsuccess = () => {
        const reading = opening.result.transaction("training").objectStore("training").get("state");
        reading.onsuccess = () => resolve(reading.result.losses);
      };
    })`);
  }

  async function download(page: Page, kind: string): Promise<string> {
    const waiting = page.waitForEvent("download");
    await page.click(`#${kind}`);
    const file = await waiting;
    const path = join(folder, file.suggestedFilename());
    await file.saveAs(path);
    return path;
  }

  it("goes on after a pause and a reload as if there had been neither", async () => {
    const losses: Record<string, readonly Record<string, number>[]> = {};
    for (const kind of ["whole", "interrupted"]) {
      const page = await open(plain);
      await drop(page, "#zone-A", "data/round", "data/flat");
      await page.waitForFunction(`document.querySelector("#count-B").textContent === "${IMAGES} images"`);
      expect(await text(page, "#count-A")).toBe(`${IMAGES} images`);
      await start(page);
      expect(await text(page, "#device")).toBe("wasm, 1 thread");
      if (kind === "interrupted") {
        await trained(page, 1);
        const before = await pause(page);
        await page.reload();
        await page.waitForSelector("#kept:not([hidden])");
        expect(await text(page, "#kept-text")).toBe(
          `A training on ${2 * IMAGES} images, ${before.length} of ${STEPS} steps done.`,
        );
        await page.click("#continue");
        await page.waitForSelector("#training:not([hidden])");
        await trained(page, before.length + 1);
      } else await trained(page, 3);
      losses[kind] = await pause(page);
      await page.context().close();
    }
    const { whole = [], interrupted = [] } = losses;
    const both = Math.min(whole.length, interrupted.length);
    expect(both).toBeGreaterThanOrEqual(2);
    expect(interrupted.slice(0, both)).toEqual(whole.slice(0, both));
  });

  it("trains with threads where the page is isolated, its files are read by the command line, and its weights go on", async () => {
    const page = await open(isolated);
    await drop(page, "#zone-A", "data");
    await page.waitForFunction(`document.querySelector("#count-B").textContent === "${IMAGES} images"`);
    await start(page);
    expect(await text(page, "#device")).toBe("wasm, 2 threads");
    await trained(page, 2);
    await pause(page);
    const weights = await download(page, "safetensors");
    const inspected = await runCli(["inspect", weights, "--json"]);
    expect(JSON.parse(inspected.stdout).networks[0].architecture).toMatchObject({
      netG: "resnet_6blocks",
      ngf: 16,
    });
    const results: Image[] = [];
    for (const model of [weights, await download(page, "onnx")]) {
      const out = `${model} results`;
      const args = ["translate", model, join(folder, "picture.png"), "--out", out, "--json"];
      const { status, stderr } = await runCli(args);
      expect([status, stderr]).toEqual([0, expect.any(String)]);
      const files = await readdir(out, { recursive: true });
      const result = files.find((file) => /fake_B.*\.png$/.test(file) || /picture.*fake_B/.test(file))!;
      results.push(await decodeImage(join(out, result)));
    }
    const [ofWeights, ofOnnx] = results as [Image, Image];
    expect([ofWeights.width, ofWeights.height]).toEqual([50, 40]);
    const apart = ofWeights.data.map((value, i) => Math.abs(value - ofOnnx.data[i]!));
    expect(Math.max(...apart)).toBeLessThanOrEqual(1);
    await page.context().close();

    const tuned = await open(isolated);
    await drop(tuned, "#zone-A", "data");
    await tuned.waitForFunction(`document.querySelector("#count-B").textContent === "${IMAGES} images"`);
    await tuned.setInputFiles("#weights", weights);
    expect(await text(tuned, "#weights-text")).toBe("net_G, with their own architecture.");
    await start(tuned);
    await trained(tuned, 1);
    expect((await pause(tuned))[0]).toHaveProperty("G_L1");
    await tuned.context().close();
  });

  it("says in one line what is wrong, and has a name for everything", async () => {
    const page = await open(plain);
    await page.check("[value=side_by_side]", { force: true });
    await drop(page, "#zone-A", "pairs");
    await page.waitForFunction(`document.querySelector("#count-A").textContent === "2 images"`);
    await page.click("#start");
    await page.waitForSelector("#problem:not([hidden])");
    expect(await text(page, "#problem")).toMatch(/^2.png cannot be decoded by this browser. Use a PNG/);
    await page.check("[value=pairs]", { force: true });
    await drop(page, "#zone-A", "data/flat");
    await page.waitForFunction(`document.querySelector("#count-A").textContent === "${IMAGES} images"`);
    expect(await page.isDisabled("#start")).toBe(true);
    await drop(page, "#zone-B", "pairs");
    await page.click("#start");
    await page.waitForFunction(`document.querySelector("#problem").textContent.includes("no partner")`);
    const snapshot = await page.locator("body").ariaSnapshot();
    expect(
      snapshot.match(/^\s*- (button|slider|radio|combobox|textbox|img|spinbutton)(?! ").*$/gm),
    ).toBeNull();
    await page.setViewportSize({ width: 390, height: 844 });
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(390);
    await page.context().close();
  });
});
