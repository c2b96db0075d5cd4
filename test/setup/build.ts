import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * Compiles the package once before the tests: worker threads and pages run its JavaScript. Type errors do not stop
 * the tests here, since the compiler still writes its output and the type check reports them.
 */
export default function build(): void {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const require = createRequire(import.meta.url);
  const compiler = join(dirname(require.resolve("typescript/package.json")), "bin", "tsc");
  for (const project of ["tsconfig.build.json", "tsconfig.web.json"]) {
    const { error } = spawnSync(process.execPath, [compiler, "-p", project], { cwd: root });
    if (error !== undefined) throw error;
  }
  const vite = join(dirname(require.resolve("vite/package.json")), "bin", "vite.js");
  const { error } = spawnSync(process.execPath, [vite, "build", "--logLevel", "error"], { cwd: root });
  if (error !== undefined) throw error;
}
