import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PAGE = join(ROOT, "test/web/page");

/**
 * Bundles `page/` as a user's Vite project would, with the one setting that workers need: `index.html` translates,
 * `training.html` trains. Returns its folder.
 */
export async function buildPage(): Promise<string> {
  const outDir = mkdtempSync(join(tmpdir(), "pixcycle-page-"));
  await build({
    root: PAGE,
    configFile: false,
    logLevel: "error",
    base: "./",
    // The package under its own name, which an installed one has in node_modules.
    resolve: { alias: { "pixcycle/web": join(ROOT, "dist/web/index.js") } },
    worker: { format: "es" },
    build: {
      ...{ outDir, emptyOutDir: true },
      rolldownOptions: { input: [join(PAGE, "index.html"), join(PAGE, "training.html")] },
    },
  });
  return outDir;
}
