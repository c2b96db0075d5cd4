import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { rateAtTime } from "../../src/training/schedule.js";
import { runSession } from "../../src/training/session.js";
import { fakeOptions, fakeServices } from "./fake-runner.js";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "pixcycle-"));
  vi.useFakeTimers({ toFake: ["performance"] });
});
afterEach(async () => {
  vi.useRealTimers();
  await rm(folder, { recursive: true });
});

/** Trains the toy for some milliseconds of a clock that only its steps move. */
async function trainFor(milliseconds: number, stepTime: (step: number) => number) {
  const rates: number[] = [];
  const services = fakeServices(5, (runner) => {
    runner.beforeStep = (step) => {
      vi.advanceTimersByTime(stepTime(step));
    };
  });
  const began = performance.now();
  const result = await runSession(fakeOptions(folder, { lr: 1, n_epochs: 1, n_epochs_decay: 0 }), services, {
    deadline: began + milliseconds,
    hooks: { onStep: ({ learningRate }) => void rates.push(learningRate) },
  });
  return { rates, result, took: performance.now() - began };
}

describe("rateAtTime", () => {
  it.each([
    [10, 1],
    [60, 1],
    [85, 0.5],
    [110, 0],
    [150, 0],
  ])("at %d of 10 to 110", (now, share) => {
    expect(rateAtTime(0.2, 10, 110, now)).toBeCloseTo(0.2 * share, 12);
  });
});

describe("a training with a deadline", () => {
  it("goes on past the options' epochs until the time is over, with its rate down to zero", async () => {
    const { rates, result, took } = await trainFor(1000, () => 10);
    expect(took).toBe(1000);
    expect(result).toMatchObject({ finished: true, position: { step: 100, epoch: 21 } });
    expect(rates.slice(0, 51)).toEqual(Array(51).fill(1));
    expect(rates[75]).toBeCloseTo(0.5, 12);
    expect(rates.at(-1)).toBeCloseTo(0.02, 12);
  });

  it("ends in time, with its rate down to zero, where steps become four times as slow half way", async () => {
    const { rates, result, took } = await trainFor(1000, (step) => (step <= 50 ? 10 : 40));
    expect(took).toBeLessThanOrEqual(1040);
    expect(result.finished).toBe(true);
    expect(rates).toHaveLength(63);
    expect(rates.at(-1)).toBeLessThan(0.1);
    for (const [i, rate] of rates.entries()) expect(rate).toBeLessThanOrEqual(rates[i - 1] ?? 1);
  });

  it("trains one step where the time is over before the first", async () => {
    const { result } = await trainFor(0, () => 10);
    expect(result).toMatchObject({ finished: true, position: { step: 1 } });
  });

  it("is not finished when it is interrupted", async () => {
    const abort = new AbortController();
    const { finished } = await runSession(fakeOptions(folder), fakeServices(5), {
      deadline: performance.now() + 1000,
      signal: abort.signal,
      hooks: { onStep: () => abort.abort() },
    });
    expect(finished).toBe(false);
  });
});
