import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { decodeImage, encodeImage } from "../../src/data/image.js";
import type { Image } from "../../src/data/pixels.js";
import type { PixcycleError } from "../../src/errors.js";
import { loadTranslator } from "../../src/translation/load.js";
import { exportSite } from "../../src/translation/site.js";
import { CHROMIUM, launchChromium } from "../setup/chromium.js";
import { writeRun } from "../translation/models.js";
import { faintTexts, nameless, tabOrder } from "./page-checks.js";
import { StaticServer } from "./static-server.js";

const PALETTE = { ground: [20, 40, 60], roof: [200, 60, 50], door: [60, 120, 220] };

describe.skipIf(CHROMIUM === undefined)("the page of export --web", () => {
  let folder: string;
  let run: string;
  let browser: Browser;
  let server: StaticServer;
  let labels: StaticServer;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "pixcycle-site-"));
    run = await writeRun(join(folder, "runs"), "flat2round", { no_dropout: true });
    await writeFile(join(folder, "palette.json"), JSON.stringify(PALETTE));
    const data = Uint8Array.from({ length: 96 * 64 * 3 }, (_, i) => (i * 7) % 256);
    const picture: Image = { width: 96, height: 64, channels: 3, depth: 8, data };
    await writeFile(join(folder, "picture.png"), await encodeImage(picture, "png"));
    await exportSite(join(folder, "site"), run, { threads: 1 });
    await exportSite(join(folder, "labels"), run, {
      ...{ threads: 1, title: "Labels", palette: join(folder, "palette.json") },
    });
    server = await StaticServer.start(join(folder, "site"));
    labels = await StaticServer.start(join(folder, "labels"), { isolated: true });
    browser = await launchChromium({
      args: ["--use-fake-device-for-media-stream"],
    });
  });

  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    await labels?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function visit(
    to: StaticServer,
    options: BrowserContextOptions = {},
  ): Promise<{ page: Page; context: BrowserContext; strangers: string[]; faults: string[] }> {
    const context = await browser.newContext(options);
    const strangers: string[] = [];
    const faults: string[] = [];
    context.on("request", (request) => {
      const { protocol, origin } = new URL(request.url());
      if (/^(https?|wss?):$/.test(protocol) && origin !== to.origin) strangers.push(request.url());
    });
    const page = await context.newPage();
    page.on("pageerror", (error) => faults.push(error.message));
    page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
    await page.goto(`${to.origin}/`);
    await ready(page);
    return { page, context, strangers, faults };
  }

  const ready = (page: Page): Promise<unknown> => page.waitForSelector("#output-stage[aria-busy=false]");
  const text = (page: Page, selector: string): Promise<string | null> => page.textContent(selector);

  /** Waits until an expression holds; in the page itself, its content security policy forbids to evaluate one. */
  const until = (page: Page, expression: string): Promise<unknown> =>
    vi.waitUntil(() => page.evaluate<boolean>(expression), { timeout: 20_000, interval: 50 });

  /** The samples of a canvas, RGBA. */
  const pixels = (page: Page, id: string): Promise<readonly number[]> =>
    page.evaluate(`(() => {
      const { width, height } = ${id};
      return Array.from(${id}.getContext("2d").getImageData(0, 0, width, height).data);
    })()`);

  /** The result once it shows the present drawing, which the page copies for the comparison. */
  async function settled(page: Page): Promise<readonly number[]> {
    await until(page, `before.toDataURL() === drawing.toDataURL()`);
    return pixels(page, "result");
  }

  async function scribble(page: Page): Promise<void> {
    const box = (await page.locator("#drawing").boundingBox())!;
    await page.mouse.move(box.x + 0.2 * box.width, box.y + 0.3 * box.height);
    await page.mouse.down();
    await page.mouse.move(box.x + 0.8 * box.width, box.y + 0.4 * box.height, { steps: 6 });
    await page.mouse.up();
  }

  it("translates what is drawn as Node does, asks nothing of others, and says what it runs on", async () => {
    const { page, context, strangers, faults } = await visit(server);
    // A plain static host: the service worker makes the page cross-origin isolated, hence two threads.
    expect(await text(page, "#device")).toBe("wasm, 2 threads");
    expect(await text(page, "#speed")).toMatch(/^(\d+ ms|\d+\.\d s)$/);
    expect(await text(page, "h1")).toBe("flat2round");
    const first = await settled(page);

    await page.fill("#width", "20");
    await scribble(page);
    const drawn = await settled(page);
    expect(drawn).not.toEqual(first);
    const url = await page.evaluate<string>("drawing.toDataURL()");
    const bytes = Buffer.from(url.split(",")[1]!, "base64");
    const sized = { preprocess: "scale_width", load_size: 64, crop_size: 1 } as const;
    const translator = await loadTranslator(run, { threads: 1, ...sized });
    const expected = await translator.translate(await decodeImage(bytes));
    await translator.close();
    expect(drawn.length).toBe(expected.width * expected.height * 4);
    const differences = drawn.map((value, i) =>
      i % 4 === 3 ? 255 - value : Math.abs(value - expected.data[3 * (i >> 2) + (i % 4)]!),
    );
    expect(Math.max(...differences)).toBeLessThanOrEqual(1);

    await page.keyboard.press("Control+z");
    expect(await settled(page)).toEqual(first);
    await page.click("#redo");
    expect(await settled(page)).toEqual(drawn);
    expect([strangers, faults]).toEqual([[], []]);
    await context.close();
  });

  it("opens pictures that are chosen, dropped or an example, of any shape, and downloads results", async () => {
    const { page, context, faults } = await visit(server);
    await page.setInputFiles("#file", join(folder, "picture.png"));
    await until(page, "result.width === 64 && result.height === 40");
    expect(await text(page, "#status")).toBe("picture.png is translated. You can draw on it.");
    await page.selectOption("#size", "128");
    await until(page, "result.width === 128 && result.height === 84");
    const [download] = await Promise.all([page.waitForEvent("download"), page.click("#download")]);
    expect(download.suggestedFilename()).toBe("flat2round.png");
    const image = await decodeImage((await download.path())!);
    expect([image.width, image.height]).toEqual([128, 84]);

    await page.click("#clear");
    await until(page, "result.width === result.height");
    const content = (await readFile(join(folder, "picture.png"))).toString("base64");
    await page.evaluate(`(async () => {
      const data = new DataTransfer();
      const bytes = Uint8Array.from(atob("${content}"), (c) => c.charCodeAt(0));
      data.items.add(new File([bytes], "dropped.png", { type: "image/png" }));
      document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
    })()`);
    await until(page, "result.height === 84");
    expect(await text(page, "#status")).toBe("dropped.png is translated. You can draw on it.");
    expect(faults).toEqual([]);
    await context.close();
  });

  it("translates the webcam while it runs, and keeps its last picture", async () => {
    const { page, context, faults } = await visit(server, { permissions: ["camera"] });
    const first = await settled(page);
    await page.click("#camera");
    await until(page, `/ ms, \\d+ a second$/.test(speed.textContent)`);
    const frames = new Set<string>();
    for (let i = 0; i < 200 && frames.size < 3; i++) {
      frames.add(await page.evaluate<string>("result.toDataURL()"));
    }
    expect(frames.size).toBe(3);
    await page.click("#camera");
    expect(await page.getAttribute("#camera", "aria-pressed")).toBe("false");
    expect(await settled(page)).not.toEqual(first);
    await page.click("#undo");
    expect(await settled(page)).toEqual(first);
    expect(faults).toEqual([]);
    await context.close();
  });

  it("says that the camera was not allowed, and leaves the drawing as it is", async () => {
    const { page, context, faults } = await visit(server, { permissions: [] });
    const first = await settled(page);
    await page.click("#camera");
    await page.waitForSelector("#problem:not([hidden])");
    expect(await text(page, "#problem")).toMatch(/^The camera was not allowed\. /);
    expect(await page.getAttribute("#camera", "aria-pressed")).toBe("false");
    expect(await page.isDisabled("#undo")).toBe(true);
    await scribble(page);
    expect(await settled(page)).not.toEqual(first);
    expect(faults).toEqual([]);
    await context.close();
  });

  it("works without its server once loaded", async () => {
    const own = await StaticServer.start(join(folder, "site"));
    const { page, context } = await visit(own);
    await settled(page);
    await own.stop();
    await page.reload();
    await ready(page);
    expect(await text(page, "#device")).toBe("wasm, 2 threads");
    const before = await settled(page);
    await scribble(page);
    expect(await settled(page)).not.toEqual(before);
    await context.close();
  });

  it("is drawn and compared with the keyboard alone, and everything has a name", async () => {
    const { page, context } = await visit(server);
    const before = await settled(page);
    await page.focus("#drawing");
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("Space");
    expect(await text(page, "#status")).toBe("Pen down.");
    for (let i = 0; i < 4; i++) await page.keyboard.press("Shift+ArrowRight");
    await page.keyboard.press("Space");
    expect(await text(page, "#status")).toBe("Lifted.");
    expect(await settled(page)).not.toEqual(before);

    await page.focus("#split");
    await page.keyboard.press("PageUp");
    expect(await page.getAttribute("#split", "aria-valuetext")).toBe("10 % input");
    expect(await nameless(page)).toEqual([]);
    const snapshot = await page.locator("body").ariaSnapshot();
    expect(snapshot).toMatch(/radio "Black" \[checked\]/);
    await context.close();
  });

  it.each(["light", "dark"] as const)(
    "can be read, and walked through with Tab, in %s colours",
    async (colorScheme) => {
      const { page, context } = await visit(server, { colorScheme });
      await page.click("summary");
      expect(await faintTexts(page)).toEqual([]);
      expect(await tabOrder(page)).toEqual([
        ...["file", "camera", "drawing", "pen", "fill", "eraser", "width", "clear", "Black", "Own colour"],
        ...["download", "split", "size", "device-choice", "About this model"],
      ]);
      await context.close();
    },
  );

  it("fits a phone, and is drawn on by touch", async () => {
    const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
    const { page, context } = await visit(server, phone);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(390);
    const before = await settled(page);
    await page.locator("#drawing").tap();
    expect(await settled(page)).not.toEqual(before);
    // Result and drawing are in sight together.
    const bottom = await page.evaluate<number>("drawing.getBoundingClientRect().bottom");
    expect(bottom).toBeLessThan(844);
    await context.close();
  });

  it("draws label maps in the classes' colours only", async () => {
    const { page, context, faults } = await visit(labels);
    expect(await text(page, "h1")).toBe("Labels");
    await page.click("text=door");
    await page.fill("#width", "40");
    await scribble(page);
    const drawn = await pixels(page, "drawing");
    const colours = new Set<string>();
    for (let i = 0; i < drawn.length; i += 4) colours.add(drawn.slice(i, i + 3).join());
    const known = Object.values(PALETTE).map((color) => color.join());
    expect([...colours].filter((color) => !known.includes(color))).toEqual([]);
    expect(colours).toContain(PALETTE.door.join());
    expect(faults).toEqual([]);
    await context.close();
  });

  it("says in its place what went wrong", async () => {
    const { page, context } = await visit(server);
    await page.setInputFiles("#file", { name: "x.png", mimeType: "image/png", buffer: Buffer.from("no") });
    await page.waitForSelector("#problem:not([hidden])");
    expect(await text(page, "#problem")).toMatch(/^This picture cannot be opened/);
    await context.close();
  });

  it("is not written over something else, nor around a discriminator", async () => {
    const code = (work: Promise<unknown>) => work.then(String, (error: PixcycleError) => error.code);
    expect(await code(exportSite(join(folder, "site"), run, { threads: 1 }))).toBe("E_FILE_WRITE");
    expect(await code(exportSite(join(folder, "new"), run, { network: "net_D", threads: 1 }))).toBe(
      "E_CHECKPOINT_MISMATCH",
    );
  });
});
