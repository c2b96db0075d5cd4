import { afterAll, beforeAll, describe } from "vitest";
import { type Bounds, itStepsAsPyTorch } from "../models/golden-checks.js";
import { goldenNames, readGolden } from "../models/goldens.js";
import { CHROMIUM } from "../setup/chromium.js";
import { BrowserModels, type BrowserSettings } from "./browser-models.js";

/** Tests of all golden steps, in one page of Chromium. */
export function describeInBrowser(settings: BrowserSettings, bounds: Bounds): void {
  describe.skipIf(CHROMIUM === undefined)(`in Chromium on ${settings.device}`, () => {
    let models: BrowserModels;
    beforeAll(async () => {
      models = await BrowserModels.start();
    });
    afterAll(() => models?.stop());

    describe.each(goldenNames())("%s", (name) => {
      const golden = readGolden(name);
      itStepsAsPyTorch(golden, () => models.create(golden.options, settings), bounds);
    });
  });
}
