import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Cross-origin isolation, which gives wasm its threads. */
const headers = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

export default defineConfig({
  root: here("."),
  base: "./",
  // In a project of its own, the package is in node_modules, and this line is not needed.
  resolve: { alias: { "pixcycle/web": here("../../dist/web/index.js") } },
  worker: { format: "es" },
  server: { headers },
  preview: { headers },
  build: {
    outDir: here("../../.cache/browser-training"),
    emptyOutDir: true,
    assetsInlineLimit: 0,
    reportCompressedSize: false,
  },
});
