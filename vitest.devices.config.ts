import { defineConfig } from "vitest/config";
import base from "./vitest.config.js";

/** `npm run test:devices`: apart from the other tests, since software drivers do a graphics card's work here. */
export default defineConfig({
  test: {
    ...base.test,
    include: ["test/devices/**/*.test.ts"],
    exclude: [],
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
});
