import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * Compiles the package once before the tests: worker threads run its JavaScript. Type errors do not stop the tests
 * here, since the compiler still writes its output and the type check reports them.
 */
export default function build(): void {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const compiler = join(
    dirname(createRequire(import.meta.url).resolve("typescript/package.json")),
    "bin",
    "tsc",
  );
  const { error } = spawnSync(process.execPath, [compiler, "-p", "tsconfig.build.json"], { cwd: root });
  if (error !== undefined) throw error;
}
