import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/devices/**"],
    // Worker threads run the compiled package.
    globalSetup: ["test/setup/build.ts"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // The machine's two cores are shared with ONNX Runtime's own threads.
    maxWorkers: 2,
    reporters: ["default", "./test/setup/count-reporter.ts"],
  },
});
