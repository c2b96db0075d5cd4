import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { MetricsRecord } from "../../src/training/metrics.js";
import { writeSampleGrid } from "../../src/training/samples.js";
import { resolveTraining, runSession, type TrainingServices } from "../../src/training/session.js";
import { type ReadEvent, readEvent, readRecords } from "../formats/event-reader.js";
import { fakeOptions, fakeServices } from "./fake-runner.js";

const BATCHES = 5;
const services = (): TrainingServices => ({ ...fakeServices(BATCHES), writeSample: writeSampleGrid });

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "pixcycle-events-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function train(stopAfter: number, given = {}): Promise<void> {
  const abort = new AbortController();
  const onStep = ({ step }: { step: number }) => {
    if (step === stopAfter) abort.abort();
  };
  const resolved = fakeOptions(folder, { display_freq: 2, save_epoch_freq: 2, ...given });
  await runSession(resolved, services(), { hooks: { onStep }, signal: abort.signal });
}

/** All events in the order in which TensorBoard reads them. */
async function events(): Promise<ReadEvent[]> {
  const run = join(folder, "toy");
  const names = (await readdir(run)).filter((name) => name.startsWith("events.out.tfevents."));
  const read: ReadEvent[] = [];
  for (const name of names.sort()) read.push(...readRecords(await readFile(join(run, name))).map(readEvent));
  return read;
}

/** What TensorBoard shows: a session's start drops what was written of its step and later ones. */
function shown(all: readonly ReadEvent[]): ReadEvent[] {
  let kept: ReadEvent[] = [];
  for (const event of all) {
    if (event.sessionStatus !== undefined) kept = kept.filter(({ step }) => step < event.step);
    else if (event.values.length > 0) kept.push(event);
  }
  return kept;
}

const metrics = async (): Promise<MetricsRecord[]> => {
  const text = await readFile(join(folder, "toy/metrics.jsonl"), "utf8");
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
};

/** The curves as `metrics.jsonl` has them, in the floats of event files. */
async function expectedScalars() {
  return (await metrics()).map(({ step, losses, learning_rate }) => ({
    step,
    values: [
      ...Object.entries(losses!).map(([name, value]) => ({
        tag: `loss/${name}`,
        scalar: Math.fround(value),
      })),
      { tag: "learning_rate", scalar: Math.fround(learning_rate!) },
    ],
  }));
}

const scalars = (all: readonly ReadEvent[]) => all.filter(({ values }) => values[0]!.scalar !== undefined);
const images = (all: readonly ReadEvent[]) => all.filter(({ values }) => values[0]!.image !== undefined);

describe("TensorBoard's files of a run", () => {
  it("have every step's losses and rate, and the sample grids", async () => {
    await train(20);
    const all = shown(await events());
    expect(scalars(all)).toEqual(await expectedScalars());
    expect(scalars(all)).toHaveLength(20);
    const grids = images(all);
    expect(grids.map(({ step }) => step)).toEqual([2, 4, 6, 8, 10, 12, 14, 16, 18, 20]);
    const file = await readFile(join(folder, "toy/samples/step-00000004.png"));
    expect(grids[1]!.values[0]!.encoded!.equals(file)).toBe(true);
  });

  it("show each step once after the training went on from an earlier checkpoint", async () => {
    await train(20);
    const flags = { name: "toy", runs_dir: folder, continue_train: true, epoch: "step-10" };
    await runSession(await resolveTraining({ flags }), services());
    const all = shown(await events());
    expect(scalars(all).map(({ step }) => step)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    expect(scalars(all)).toEqual(await expectedScalars());
    expect(new Set(images(all).map(({ step }) => step)).size).toBe(images(all).length);
  });

  it("begin anew when a run is overwritten", async () => {
    await train(20);
    await train(3, { overwrite: true });
    const all = await events();
    expect(all.filter(({ version }) => version !== undefined)).toHaveLength(1);
    expect(scalars(shown(all)).map(({ step }) => step)).toEqual([1, 2, 3]);
  });
});
