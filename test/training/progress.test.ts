import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { StepEvent } from "../../src/training/hooks.js";
import { checkMemory, describeMemory } from "../../src/training/memory.js";
import { MetricsLog } from "../../src/training/metrics.js";
import { duration, progressHooks, progressLine } from "../../src/training/progress.js";

const start = { step: 0, epoch: 1, lastEpoch: 200, batchesPerEpoch: 400, totalSteps: 80_000 };
const event = (step: number): StepEvent => ({
  ...{ step, epoch: 1 + Math.floor((step - 1) / 400), batch: step, learningRate: 2e-4 },
  ...{ losses: { G_GAN: 0.71234, G_L1: 12.3456 }, images: 2, seconds: 0.4, dataSeconds: 0.1 },
});

describe("progressLine", () => {
  it("says epoch, step, losses, speed, time left and memory", () => {
    expect(progressLine(event(800), start, { whole: 0.5, waiting: 0.009 }, 1.93 * 2 ** 30)).toBe(
      "epoch 2/200  step 800/80000  11 h 0 min left  4 img/s  1.9 GiB  G_GAN 0.712  G_L1 12.3",
    );
  });

  it("says what share of the time goes into waiting for images, if it is worth a word", () => {
    const line = (waiting: number): string => progressLine(event(800), start, { whole: 0.5, waiting }, 0);
    expect(line(0.011)).toContain("  2.2 % waiting for images  G_GAN");
    expect(line(0.205)).toContain("  41 % waiting for images  G_GAN");
  });

  it("counts down to the time that ends a training, without totals", () => {
    const endless = { ...start, lastEpoch: Number.POSITIVE_INFINITY, totalSteps: Number.POSITIVE_INFINITY };
    const deadline = performance.now() + 61_200;
    expect(progressLine(event(800), { ...endless, deadline }, { whole: 0.5, waiting: 0 }, 0)).toMatch(
      /^epoch 2 {2}step 800 {2}61 s left {2}4 img/,
    );
  });

  it.each([
    [0, "0 s"],
    [45.4, "45 s"],
    [99.6, "2 min"],
    [3600, "1 h 0 min"],
    [13_080, "3 h 38 min"],
    [187_200, "2 d 4 h"],
  ])("says %d seconds as %s", (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });
});

describe("progressHooks", () => {
  function record(terminal: boolean, steps: number): string {
    let written = "";
    const hooks = progressHooks({ terminal, columns: 60, write: (text) => (written += text) }, 10);
    hooks.onStart?.({ ...start, totalSteps: 25 });
    for (let step = 1; step <= steps; step++) hooks.onStep?.(event(step));
    hooks.onNotice?.("note");
    hooks.end();
    return written;
  }

  it("writes a plain line every print_freq steps and at the end", () => {
    const lines = record(false, 25).split("\n");
    expect(lines[0]).toBe("training to step 25, 400 steps an epoch");
    expect(lines.slice(1, 4).map((line) => /step (\d+)/.exec(line)?.[1])).toEqual(["10", "20", "25"]);
    expect(lines.slice(4)).toEqual(["note", ""]);
    expect(lines.join("")).not.toContain("\x1b");
  });

  it("rewrites one line of a terminal, cut to its width, and clears it for others", () => {
    const written = record(true, 25);
    expect(written.split("\n")).toHaveLength(3);
    const drawn = written.split("\r").filter((part) => part.startsWith("epoch"));
    expect(drawn.length).toBeGreaterThanOrEqual(2);
    for (const line of drawn) expect(line.replace("\x1b[K", "").length).toBeLessThanOrEqual(57);
    expect(written).toContain("\r\x1b[Knote\n");
  });
});

describe("MetricsLog", () => {
  it("cuts off later steps and an unfinished line", async () => {
    const folder = await mkdtemp(join(tmpdir(), "pixcycle-"));
    try {
      const path = join(folder, "metrics.jsonl");
      await writeFile(
        path,
        '{"step":1,"epoch":1}\n{"step":2,"epoch":1}\n{"step":3,"epoch":1}\n{"step":4,"ep',
      );
      const log = await MetricsLog.open(path, 2);
      await log.append({ step: 3, epoch: 7 });
      await log.close();
      expect(await readFile(path, "utf8")).toBe(
        '{"step":1,"epoch":1}\n{"step":2,"epoch":1}\n{"step":3,"epoch":7}\n',
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("memory", () => {
  const estimate = { state: 1e9, activations: 2.5e9, saving: 0.5e9 };

  it("is described in GiB", () => {
    expect(describeMemory(estimate, 8e9)).toBe(
      "memory: about 3.7 GiB (weights and optimiser 954 MiB, activations 2.3 GiB, saving 477 MiB), 7.5 GiB available",
    );
  });

  it("is refused only when far above what is available, or above the given limit", () => {
    expect(() => checkMemory(estimate, 0, 3.5e9)).not.toThrow();
    expect(() => checkMemory(estimate, 0, 3e9)).toThrow(expect.objectContaining({ code: "E_MEMORY" }));
    expect(() => checkMemory(estimate, 3000)).toThrow(/max_memory allows 2.9 GiB/);
    expect(() => checkMemory(estimate, 4000, 1e9)).not.toThrow();
  });
});
