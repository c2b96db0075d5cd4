import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { build } from "vite";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { decodeImage } from "../../src/data/image.js";
import type { Image } from "../../src/data/pixels.js";
import { runCli } from "../cli/run-cli.js";
import { noiseImage, temporaryFolder, writeImage } from "../data/files.js";
import { CHROMIUM } from "../setup/chromium.js";
import { faintTexts, nameless, tabOrder } from "./page-checks.js";
import { Pages } from "./pages.js";
import type { StaticServer } from "./static-server.js";

const EXAMPLE = fileURLToPath(new URL("../../examples/browser-training/vite.config.ts", import.meta.url));
/** More than the hundred entries that a directory reader gives at once. */
const IMAGES = 103;
/** So many that none of the machines is done before it is paused. */
const STEPS = 400;

describe.skipIf(CHROMIUM === undefined)("the example page that trains", () => {
  const folder = temporaryFolder("training");
  let pages: Pages;

  beforeAll(async () => {
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
    pages = await Pages.start(outDir);
  });
  afterAll(() => pages?.stop());

  // A page that a failed test left behind would go on training.
  afterEach(async () => {
    for (const context of pages.browser.contexts()) await context.close();
  });

  async function open(server: StaticServer): Promise<Page> {
    const context = await pages.browser.newContext({ acceptDownloads: true });
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

  async function choose(page: Page): Promise<void> {
    await drop(page, "#zone-A", "data");
    await page.waitForFunction(`document.querySelector("#count-B").textContent === "${IMAGES} images"`);
  }

  /** What the page says of a training that it can go on with. */
  const keptText = (steps: number): string =>
    `A training on ${2 * IMAGES} images, ${steps} of ${STEPS} steps done.`;

  /** Lets the page go away in its next save, while the transaction that has the new state is still open. */
  const leaveInSave = (page: Page): Promise<unknown> =>
    page.evaluate(`(() => {
      const { put } = IDBObjectStore.prototype;
      IDBObjectStore.prototype.put = function (...values) {
        put.apply(this, values);
        const stayOpen = () => { this.get("nothing").onsuccess = stayOpen; };
        stayOpen();
        location.reload();
      };
    })()`);

  /**
   * Whether the browser has room for what the page keeps. Without, a write is aborted with the error that browsers give
   * then: Chromium itself heeds no smaller quota that a test sets.
   */
  const setRoom = (page: Page, room: boolean): Promise<unknown> =>
    page.evaluate(`(() => {
      const { prototype } = IDBObjectStore;
      prototype.realPut ??= prototype.put;
      prototype.put = ${room} ? prototype.realPut : function (...values) {
        this.realPut(...values);
        const value = new DOMException("no room", "QuotaExceededError");
        Object.defineProperty(this.transaction, "error", { value });
        this.transaction.abort();
      };
    })()`);

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
  async function pause(
    page: Page,
    outcome = "it goes on from here.",
  ): Promise<readonly Record<string, number>[]> {
    await page.click("#pause");
    await page.waitForFunction(
      `/^Paused at step \\d+\\. .*${outcome}$/.test(document.querySelector("#status").textContent)`,
    );
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

  it("goes on after a pause, and after a reload in the midst of a save, as if there had been neither", async () => {
    const losses: Record<string, readonly Record<string, number>[]> = {};
    for (const kind of ["whole", "interrupted"]) {
      const page = await open(pages.plain);
      await drop(page, "#zone-A", "data/round", "data/flat");
      await page.waitForFunction(`document.querySelector("#count-B").textContent === "${IMAGES} images"`);
      expect(await text(page, "#count-A")).toBe(`${IMAGES} images`);
      await start(page);
      expect(await text(page, "#device")).toBe("wasm, 1 thread");
      if (kind === "interrupted") {
        await trained(page, 1);
        const before = await pause(page);
        await leaveInSave(page);
        await page.click("#pause");
        await trained(page, before.length + 1);
        await Promise.all([page.waitForEvent("load"), page.click("#pause")]);
        await page.waitForSelector("#kept:not([hidden])");
        expect(await text(page, "#kept-text")).toBe(keptText(before.length));
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

  it("goes on where the browser has no room, says so, and keeps what it kept before", async () => {
    const page = await open(pages.plain);
    await choose(page);
    await start(page);
    await trained(page, 1);
    const first = await pause(page);
    const resume = async (from: readonly unknown[]) => {
      await page.click("#pause");
      await trained(page, from.length + 1);
    };
    await setRoom(page, false);
    await resume(first);
    expect(await pause(page, "This step is not kept.")).toEqual(first);
    expect(await text(page, "#problem")).toMatch(
      /no room left .* it goes on, .* back to the last save\. Download/,
    );
    await setRoom(page, true);
    await resume(first);
    const second = await pause(page);
    expect(second.length).toBeGreaterThan(first.length);
    expect(second.slice(0, first.length)).toEqual(first);
    expect(await page.isHidden("#problem")).toBe(true);

    // A new training that cannot be kept leaves what is kept alone.
    await page.reload();
    await choose(page);
    await setRoom(page, false);
    await start(page);
    await trained(page, 1);
    expect(await pause(page, "This step is not kept.")).toEqual(second);
    expect(await text(page, "#problem")).toMatch(/no room left .* it goes on, but a reload would lose it/);
    await page.reload();
    await page.waitForSelector("#kept:not([hidden])");
    expect(await text(page, "#kept-text")).toBe(keptText(second.length));
    await page.context().close();
  });

  it("trains with threads where the page is isolated, its files are read by the command line, and its weights go on", async () => {
    const page = await open(pages.isolated);
    await choose(page);
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

    const tuned = await open(pages.isolated);
    await choose(tuned);
    await tuned.setInputFiles("#weights", weights);
    expect(await text(tuned, "#weights-text")).toBe("net_G, with their own architecture.");
    await start(tuned);
    await trained(tuned, 1);
    expect((await pause(tuned))[0]).toHaveProperty("G_L1");
    await tuned.context().close();
  });

  it("says in one line what is wrong, and has a name for everything", async () => {
    const page = await open(pages.plain);
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
    expect(await nameless(page)).toEqual([]);
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      expect(await faintTexts(page)).toEqual([]);
    }
    expect(await tabOrder(page)).toEqual([
      ...["builtin", "Pairs in two folders", "folder-A", "folder-B"],
      ...["preset", "size", "steps", "device-choice", "weights", "start"],
    ]);
    await page.setViewportSize({ width: 390, height: 844 });
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(390);
    await page.context().close();
  });
});
