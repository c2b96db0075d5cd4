import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { StepEvent } from "../../src/training/hooks.js";
import { runSession } from "../../src/training/session.js";
import { readEvent, readRecords } from "../formats/event-reader.js";
import { fakeOptions, fakeServices } from "./fake-runner.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "pixcycle-float16-"));
});
afterEach(() => rm(folder, { recursive: true }));

/** Trains three steps of the toy; the first is skipped. */
async function train(scale: number) {
  const services = fakeServices(3, (runner) => {
    runner.scalingAt = (step) => ({
      lossScale: scale / 2 ** Math.min(step - 1, 1),
      skipped: step === 1 ? ["G"] : [],
    });
  });
  const steps: StepEvent[] = [];
  const notices: string[] = [];
  const hooks = {
    onStep: (event: StepEvent) => void steps.push(event),
    onNotice: (line: string) => void notices.push(line),
  };
  await runSession(fakeOptions(folder, { max_steps: 3 }), services, { hooks });
  const log = await readFile(join(folder, "toy/metrics.jsonl"), "utf8");
  return {
    steps,
    notices,
    lines: log
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line)),
  };
}

it("the loss scale and skipped updates of every step are logged, and told to callbacks", async () => {
  const { steps, lines } = await train(65536);
  expect(lines.map(({ loss_scale, skipped }) => [loss_scale, skipped])).toEqual([
    [65536, ["G"]],
    [32768, undefined],
    [32768, undefined],
  ]);
  expect(steps.map(({ scaling }) => scaling)).toEqual([
    { lossScale: 65536, skipped: ["G"] },
    { lossScale: 32768, skipped: [] },
    { lossScale: 32768, skipped: [] },
  ]);
  const events = (await readdir(join(folder, "toy"))).find((name) => name.startsWith("events."))!;
  const values = readRecords(await readFile(join(folder, "toy", events))).flatMap(
    (record) => readEvent(record).values,
  );
  expect(values.filter(({ tag }) => tag === "loss_scale")).toHaveLength(3);
});

it("a scale below 1, which cannot help, is said once, with what to do", async () => {
  expect((await train(65536)).notices.join()).not.toMatch(/float16/);
  await rm(join(folder, "toy"), { recursive: true });
  const { notices } = await train(1);
  expect(notices.filter((line) => /too large for float16.*--no_fp16/.test(line))).toHaveLength(1);
});
