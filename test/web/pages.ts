import { rm } from "node:fs/promises";
import type { Browser } from "playwright-core";
import { launchChromium } from "../setup/chromium.js";
import { StaticServer } from "./static-server.js";

/** A folder of pages on two servers, and a Chromium to open them with. */
export class Pages {
  private constructor(
    private readonly folder: string,
    /** Pages of this one are cross-origin isolated. */
    readonly isolated: StaticServer,
    readonly plain: StaticServer,
    readonly browser: Browser,
  ) {}

  static async start(folder: string, chromium: Parameters<typeof launchChromium>[0] = {}): Promise<Pages> {
    const isolated = await StaticServer.start(folder, { isolated: true });
    const plain = await StaticServer.start(folder);
    return new Pages(folder, isolated, plain, await launchChromium(chromium));
  }

  /** Also removes the folder. */
  async stop(): Promise<void> {
    await this.browser.close();
    await this.isolated.stop();
    await this.plain.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}
