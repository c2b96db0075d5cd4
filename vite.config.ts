import { fileURLToPath } from "node:url";
import { defaultClientConditions, defineConfig } from "vite";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The page of `pixcycle export --web`, which the package holds built. The command adds a model and ONNX Runtime. */
export default defineConfig({
  root: here("src/site"),
  base: "./",
  resolve: {
    alias: { "pixcycle/web": here("dist/web/index.js") },
    // ONNX Runtime's wasm files are copied beside the page, not into the package.
    conditions: ["onnxruntime-web-use-extern-wasm", ...defaultClientConditions],
  },
  worker: { format: "es" },
  build: {
    outDir: here("dist/site"),
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
  },
});
