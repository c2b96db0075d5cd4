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
import { checkRunFolder, runFolder, writeRunOptions } from "../training/run-folder.js";
import { runSession, type TrainingControls } from "../training/session.js";
import type { TrainingResult } from "../training/trainer.js";
import { inNewRunFolder } from "../training/unbegun.js";
import { writeResults } from "./results.js";
import { demoSchedule, demoSettings } from "./settings.js";

const DEMO_SECONDS = 150;
/** The rest of the time is for the results. */
const SHARE_OF_TRAINING = 0.95;

/** What a person asks of the demo. */
export interface DemoRequest {
  /** Options as a person wrote them; they win over the demo's. */
  readonly given: Readonly<Record<string, unknown>>;
  /** Seconds that the whole demo may take, 150 by default; `max_steps` is given instead where it must be repeatable. */
  readonly seconds?: number;
  readonly hooks?: TrainHooks;
  readonly signal?: AbortSignal;
}

/** What the demo did. */
export interface DemoReport {
  readonly options: Options;
  /** The run's folder. */
  readonly run: string;
  readonly step: number;
  /** Undefined if the training was interrupted; it can be continued, unless it was before the first step: then nothing is left. */
  readonly results: { readonly grid: string; readonly scores: ReadonlyMap<string, Scores> } | undefined;
}

/**
 * Trains on the built-in icons, flat → 3D, as an ordinary run in a new folder, until the time is over, however busy
 * the machine is, or for `max_steps`; then translates the held-out icons and scores them.
 * @throws PixcycleError as `resolveOptions`, `runSession` and `loadTranslator`
 */
export async function runDemo({ given, seconds, hooks, signal }: DemoRequest): Promise<DemoReport> {
  const began = performance.now();
  const { options: base } = await resolveDemo(given);
  if (seconds !== undefined && base.max_steps > 0) {
    throw new PixcycleError("E_OPTION_CONFLICT", "--time and --max_steps both say how long to train.", {
      hint: "Give one of them.",
    });
  }
  const folder = runFolder(base);
  await checkRunFolder(folder, base);
  const controls = { ...(hooks && { hooks }), ...(signal && { signal }) };
  const end = began + 1000 * SHARE_OF_TRAINING * (seconds ?? DEMO_SECONDS);
  const trained = await inNewRunFolder(folder, () => trainOnIcons(base, given, end, controls));
  const { options, position, finished } = trained;
  const report = { options, run: folder.path, step: position.step };
  if (!finished) return { ...report, results: undefined };
  const grid = join(folder.path, "grid.png");
  const scores = await writeResults(folder.path, grid, { threads: base.threads, device: base.device });
  return { ...report, results: { grid, scores } };
}

type Trained = TrainingResult & Pick<DemoReport, "options">;

/** Writes the icons into the run's folder and trains on them, for `max_steps` or until a time. */
async function trainOnIcons(
  base: Options,
  given: DemoRequest["given"],
  end: number,
  controls: TrainingControls,
): Promise<Trained> {
  const icons = {
    task: "flat-to-3d",
    layout: base.dataset_mode === "aligned" ? "aligned" : "unaligned",
  } as const;
  await writeBuiltin(base.dataroot, icons);
  const { trainA } = await loadBuiltin(icons);
  const batches = Math.ceil(trainA.length / base.batch_size);
  const scheduled = (steps: number) =>
    resolveDemo({ ...demoSchedule(steps, batches), ...given, name: base.name });
  return base.max_steps > 0
    ? trainSteps(await scheduled(base.max_steps), controls)
    : trainUntil(end, await resolveDemo({ ...given, name: base.name }), scheduled, controls);
}

async function trainSteps(resolved: ResolvedOptions, controls: TrainingControls): Promise<Trained> {
  return { ...(await runSession(resolved, nodeServices, controls)), options: resolved.options };
}

/**
 * Trains until a time, in milliseconds of `performance.now()`. To be continued like any other run, to its end or
 * beyond, the run then gets a length in steps: those that fitted the time, or would have if it was interrupted.
 */
async function trainUntil(
  deadline: number,
  resolved: ResolvedOptions,
  scheduled: (steps: number) => Promise<ResolvedOptions>,
  controls: TrainingControls,
): Promise<Trained> {
  const began = performance.now();
  const result = await runSession(resolved, nodeServices, { ...controls, deadline });
  const { step } = result.position;
  if (step === 0) return { ...result, options: resolved.options };
  const share = Math.min(1, (performance.now() - began) / (deadline - began));
  const lasting = await scheduled(result.finished ? step : Math.ceil(step / share));
  await writeRunOptions(runFolder(lasting.options), lasting);
  return { ...result, options: lasting.options };
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
