import type { Reporter, TestModule } from "vitest/node";

/** Closes a run with one plain line, `N passed, N failed, N skipped`, which any tool can read. */
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
    // After the default reporter's summary.
    process.on("exit", () => {
      process.stdout.write(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`);
    });
  }
}
