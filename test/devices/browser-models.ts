import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import type { ModelOptions } from "../../src/options/schema.js";
import { RemoteObject, type Reply } from "../../src/runtime/calls.js";
import type { ModelRunner } from "../../src/runtime/runner.js";
import { buildPage } from "../web/build-page.js";
import { Pages } from "../web/pages.js";
import { fromPlain, toPlain } from "./plain.js";

/** As pages choose it; see `src/web/runtime.ts`. */
export interface BrowserSettings {
  readonly device: "wasm" | "webgpu";
  readonly threads: number;
  readonly fp16?: boolean;
}

/** What ONNX Runtime holds in a page, in bytes. */
export interface HeldMemory {
  /** The graphics card's buffers. */
  readonly buffers: number;
  /** All buffers that were ever made there. */
  readonly made: number;
  /** wasm's heap, which only grows. */
  readonly heap: number;
}

const PAGE = fileURLToPath(new URL("page", import.meta.url));

/** Runs in the page. */
const passOn = (call: unknown): unknown =>
  (globalThis as unknown as { answer(call: unknown): unknown }).answer(call);

/** Models that compute in a web worker of a page in Chromium, through onnxruntime-web. */
export class BrowserModels {
  private constructor(
    readonly pages: Pages,
    readonly page: Page,
    private readonly remote: RemoteObject,
  ) {}

  static async start(): Promise<BrowserModels> {
    const pages = await Pages.start(await buildPage(PAGE, ["index.html"]), { webgpu: true });
    const page = await pages.browser.newPage();
    await page.goto(`${pages.isolated.origin}/`);
    await page.waitForFunction("globalThis.answer !== undefined");
    const remote = new RemoteObject((call) => {
      page.evaluate(passOn, toPlain(call)).then(
        (reply) => remote.settle(fromPlain(reply) as Reply),
        (error) => remote.fail(error),
      );
    });
    return new BrowserModels(pages, page, remote);
  }

  /** A model with fresh weights. Threads: those of wasm, the same for all models of a page. */
  async create(options: ModelOptions, settings: BrowserSettings): Promise<ModelRunner> {
    const model = await this.remote.method<[ModelOptions, BrowserSettings], number>("create")(
      options,
      settings,
    );
    const call = this.remote.method<[number, string, ...unknown[]], never>("call");
    return {
      step: (...args) => call(model, "step", ...args),
      gradients: (...args) => call(model, "gradients", ...args),
      apply: (...args) => call(model, "apply", ...args),
      infer: (...args) => call(model, "infer", ...args),
      saveState: () => call(model, "saveState"),
      loadState: (...args) => call(model, "loadState", ...args),
      loadNetwork: (...args) => call(model, "loadNetwork", ...args),
      close: () => call(model, "close"),
    };
  }

  memory(): Promise<HeldMemory> {
    return this.remote.method<[], HeldMemory>("memory")();
  }

  stop(): Promise<void> {
    return this.pages.stop();
  }
}
