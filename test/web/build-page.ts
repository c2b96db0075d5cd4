import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PAGE = join(ROOT, "test/web/page");

/**
 * Bundles pages as a user's Vite project would, with the one setting that workers need; by default those of `page/`:
 * `index.html` translates, `training.html` trains. Returns the folder of the bundle.
 */
export async function buildPage(root = PAGE, pages = ["index.html", "training.html"]): Promise<string> {
  const outDir = mkdtempSync(join(tmpdir(), "pixcycle-page-"));
  await build({
    root,
    configFile: false,
    logLevel: "error",
    base: "./",
    // The package under its own name, which an installed one has in node_modules.
    resolve: { alias: { "pixcycle/web": join(ROOT, "dist/web/index.js") } },
    worker: { format: "es" },
    build: {
      ...{ outDir, emptyOutDir: true },
      rolldownOptions: { input: pages.map((page) => join(root, page)) },
    },
  });
  return outDir;
}
