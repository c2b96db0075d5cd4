import { stat } from "node:fs/promises";
import { join } from "node:path";
import { loadBuiltin, writeBuiltin } from "../data/builtin.js";
import { PixcycleError } from "../errors.js";
import type { Scores } from "../evaluation/scores.js";
import { defaults } from "../options/presets.js";
import { givenOptions, type ResolvedOptions, resolveOptions } from "../options/resolve.js";
import type { Options } from "../options/schema.js";
import type { TrainHooks } from "../training/hooks.js";
import { nodeServices } from "../training/node.js";
import { checkRunFolder, runFolder } from "../training/run-folder.js";
import { runSession } from "../training/session.js";
import { writeResults } from "./results.js";
import { demoSchedule, demoSettings } from "./settings.js";
import { measureStep } from "./speed.js";

/** Seconds of training; with the start and the results, the whole demo stays below four minutes. */
export const DEMO_SECONDS = 150;

export interface DemoRequest {
  /** Options as a person wrote them; they win over the demo's. */
  readonly given: Readonly<Record<string, unknown>>;
  /** Seconds that the training may take on this machine; `max_steps` is given instead where it must be repeatable. */
  readonly seconds?: number;
  readonly hooks?: TrainHooks;
  readonly signal?: AbortSignal;
}

export interface DemoReport {
  readonly options: Options;
  /** The run's folder. */
  readonly run: string;
  readonly step: number;
  /** Undefined if the training was interrupted; it can be continued. */
  readonly results: { readonly grid: string; readonly scores: ReadonlyMap<string, Scores> } | undefined;
}

/**
 * Trains on the built-in icons, flat → 3D, as an ordinary run in a new folder, for as many steps as fit the time;
 * then translates the held-out icons and scores them.
 * @throws PixcycleError as `resolveOptions`, `runSession` and `loadTranslator`
 */
export async function runDemo({ given, seconds, hooks, signal }: DemoRequest): Promise<DemoReport> {
  const { options: base } = await resolveDemo(given);
  if (seconds !== undefined && base.max_steps > 0) {
    throw new PixcycleError("E_OPTION_CONFLICT", "--time and --max_steps both say how long to train.", {
      hint: "Give one of them.",
    });
  }
  const folder = runFolder(base);
  await checkRunFolder(folder, base);
  const icons = {
    task: "flat-to-3d",
    layout: base.dataset_mode === "aligned" ? "aligned" : "unaligned",
  } as const;
  await writeBuiltin(base.dataroot, icons);
  const { trainA } = await loadBuiltin(icons);

  const steps = base.max_steps > 0 ? base.max_steps : await stepsIn(seconds ?? DEMO_SECONDS, base, hooks);
  const schedule = demoSchedule(steps, Math.ceil(trainA.length / base.batch_size));
  const resolved = await resolveDemo({ ...schedule, ...given, max_steps: steps, name: base.name });
  const { position, finished } = await runSession(resolved, nodeServices, {
    ...(hooks === undefined ? {} : { hooks }),
    ...(signal === undefined ? {} : { signal }),
  });
  const report = { options: resolved.options, run: folder.path, step: position.step };
  if (!finished) return { ...report, results: undefined };
  const grid = join(folder.path, "grid.png");
  const scores = await writeResults(folder.path, grid, base.threads);
  return { ...report, results: { grid, scores } };
}

/** The demo's options below those that were given; the icons are put into the run's own folder. */
async function resolveDemo(given: DemoRequest["given"]): Promise<ResolvedOptions> {
  const written = givenOptions({ flags: given });
  const settings = demoSettings[written.model ?? "pix2pix"];
  const place = { ...defaults, ...written };
  const name = written.name ?? (await unusedName(place.runs_dir));
  const dataroot = join(place.runs_dir, name, "data");
  return resolveOptions({
    file: { path: "the demo's settings", values: { ...settings, name, dataroot } },
    flags: given,
  });
}

/** `demo`, or `demo-2`, `demo-3`, … where there are earlier ones: none is overwritten. */
async function unusedName(runs_dir: string): Promise<string> {
  for (let number = 1; ; number++) {
    const name = number === 1 ? "demo" : `demo-${number}`;
    const taken = await stat(join(runs_dir, name)).catch(() => undefined);
    if (taken === undefined) return name;
  }
}

async function stepsIn(seconds: number, options: Options, hooks: TrainHooks | undefined): Promise<number> {
  const secondsPerStep = await measureStep(options);
  const steps = Math.max(1, Math.floor(seconds / secondsPerStep));
  hooks?.onNotice?.(
    `a step takes ${(secondsPerStep * 1000).toFixed(0)} ms here: ${steps} steps in ${seconds} s`,
  );
  return steps;
}
