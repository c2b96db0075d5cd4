import { appendFileSync } from "node:fs";
import type { Reporter, TestModule } from "vitest/node";

/**
 * Closes a run with one plain line, `N passed, N failed, N skipped`, which any tool can read. Where the variable
 * TEST_COUNTS names a file, the line is added to that instead: the sum of several runs is said at their end.
 */
export default class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const counts = { passed: 0, failed: 0, skipped: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        counts[state === "pending" ? "skipped" : state]++;
      }
      // A file that fails outside its tests counts as one failure.
      if (module.errors().length > 0) counts.failed++;
    }
    counts.failed += errors.length;
    const line = `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`;
    const { TEST_COUNTS } = process.env;
    // After the default reporter's summary.
    process.on("exit", () => {
      if (TEST_COUNTS) appendFileSync(TEST_COUNTS, line);
      else process.stdout.write(line);
    });
  }
}
