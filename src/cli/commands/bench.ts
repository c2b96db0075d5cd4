import { median } from "../../data/median.js";
import { noiseImages } from "../../data/noise.js";
import { floatingPointOperations } from "../../graph/flops.js";
import { createModel, stepProgram } from "../../models/model.js";
import { networkWeights } from "../../networks/state-dict.js";
import { networkOptions, type Options } from "../../options/schema.js";
import { deviceOf } from "../../runtime/device.js";
import { createGenerator, createRunner } from "../../runtime/node/create.js";
import { type Profile, type ProfileEntry, profiled } from "../../runtime/node/profile.js";
import { requireDevice } from "../../runtime/node/require-device.js";
import { planStep } from "../../runtime/programs.js";
import type { ModelRunner, StepSetup } from "../../runtime/runner.js";
import type { Command } from "../command.js";
import { isOn, wholeNumber } from "../flags.js";

const DEFAULT_STEPS = 5;
const PROFILE_ROWS = 15;

/** Times training steps and translations of random images; the first of each only warms up. */
export const command: Command = {
  options: [
    "model",
    "preset",
    ...(Object.keys(networkOptions) as (keyof typeof networkOptions)[]),
    "gan_mode",
    "lambda_identity",
    "pool_size",
    "device",
    "threads",
    "conv",
    "checkpointing",
    "fp16",
    "seed",
  ],
  flags: [
    { name: "size", value: "S", summary: "height and width of the images (256)" },
    { name: "batch", value: "N", summary: "images in a training batch (1)" },
    { name: "steps", value: "K", summary: `steps that are timed (${DEFAULT_STEPS})` },
    { name: "memory", summary: "also show what is in memory at the worst moment of a step, as planned" },
    {
      name: "profile",
      summary: "also show where the time of a step goes, by operator, by scope and by both",
    },
  ],
  examples: [
    "bench --model cycle_gan --size 256 --batch 1 --steps 5",
    "bench --model pix2pix --size 128 --ngf 32 --json",
  ],
  async run(call, output) {
    const { options } = await call.resolveOptions();
    await requireDevice(options.device, options.fp16);
    const size = wholeNumber(call, "size", 256);
    const batch = wholeNumber(call, "batch", 1);
    const steps = wholeNumber(call, "steps", DEFAULT_STEPS);
    const run = (profilePrefix?: string): Promise<StepTimes> =>
      timeSteps(options, { batch, size, steps, ...(profilePrefix && { profilePrefix }) }, (line) =>
        output.note(line),
      );
    const { result: times, profile } = isOn(call, "profile")
      ? await profiled(run)
      : { result: await run(), profile: undefined };
    // Of training alone: what follows copies the weights.
    const peakMiB = process.resourceUsage().maxRSS / 1024;
    const result = {
      secondsPerStep: median(times.steps),
      secondsToFirstStep: times.toFirst,
      graphSeconds: times.setup.graphSeconds,
      sessionSeconds: times.setup.sessionSeconds,
      gigaflopPerStep: stepOperations(options, batch, size) / 1e9,
      secondsPerImage: median(await timeTranslations(options, size, steps)),
      peakMiB,
      ...(isOn(call, "memory") && { plan: planOf(options, batch, size) }),
      ...(profile && { profile }),
    };
    if (output.json) output.result(JSON.stringify(result));
    else {
      output.result(`${options.model} ${options.netG}, ngf ${options.ngf}, ${size}×${size}, batch ${batch}`);
      const speed = result.gigaflopPerStep / result.secondsPerStep;
      output.result(`training step   ${result.secondsPerStep.toFixed(3)} s (median of ${steps})`);
      output.result(`                ${speed.toFixed(0)} GFLOP/s of convolutions and products`);
      const { nodes, graphSeconds, sessionSeconds } = times.setup;
      output.result(`first step      ${result.secondsToFirstStep.toFixed(1)} s after the command`);
      output.result(
        `                graph of ${nodes} operations ${graphSeconds.toFixed(1)} s, session ${sessionSeconds.toFixed(1)} s`,
      );
      output.result(`translation     ${result.secondsPerImage.toFixed(3)} s per image`);
      output.result(`peak memory     ${Math.round(result.peakMiB)} MiB, of training`);
      if (result.plan) for (const line of planLines(result.plan)) output.result(line);
      if (profile) for (const line of profileLines(profile)) output.result(line);
    }
    return undefined;
  },
};

/** Floating-point operations of one training step. */
function stepOperations(options: Options, batch: number, size: number): number {
  const program = stepProgram(createModel(options), options, { batch, height: size, width: size });
  const outputs = program.optimizers.flatMap(({ gradients }) => [...gradients.values()]);
  return floatingPointOperations([...outputs, ...program.losses.values()]);
}

interface Plan {
  readonly peakMiB: number;
  readonly peakNode: string;
  readonly scopesMiB: Readonly<Record<string, number>>;
}

/** What is in memory at the worst moment of a step, beside weights, gradients and the optimiser. */
function planOf(options: Options, batch: number, size: number): Plan {
  const shape = { batch, height: size, width: size };
  const { conv, checkpointing, fp16 } = options;
  const settings = { ...deviceOf(options.device), conv, checkpointing, fp16 };
  const { peakBytes, peakNode, peakByScope } = planStep(createModel(options), options, shape, settings);
  const scopes = [...peakByScope].map(([scope, bytes]) => [scope, bytes / MIB]);
  return { peakMiB: peakBytes / MIB, peakNode, scopesMiB: Object.fromEntries(scopes) };
}

const MIB = 2 ** 20;

function planLines({ peakMiB, peakNode, scopesMiB }: Plan): string[] {
  const row = (mib: number, title: string): string => `${mib.toFixed(0).padStart(10)} MiB  ${title}`;
  const rows = Object.entries(scopesMiB).filter(([, mib]) => mib >= 1);
  return [
    ...["", "planned memory of a step's values, at its peak"],
    row(peakMiB, `in all, at ${peakNode}`),
    ...rows.map(([scope, mib]) => row(mib, scope)),
  ];
}

async function timed(
  count: number,
  run: (i: number) => Promise<unknown>,
  report?: (seconds: number) => void,
): Promise<number[]> {
  const seconds: number[] = [];
  for (let i = 0; i <= count; i++) {
    const start = performance.now();
    await run(i);
    const took = (performance.now() - start) / 1000;
    report?.(took);
    if (i > 0) seconds.push(took);
  }
  return seconds;
}

interface StepTiming {
  readonly batch: number;
  readonly size: number;
  readonly steps: number;
  readonly profilePrefix?: string;
}

interface StepTimes {
  /** Seconds of every step but the first. */
  readonly steps: readonly number[];
  /** Seconds from the start of the process to the end of the first step. */
  readonly toFirst: number;
  readonly setup: StepSetup;
}

async function timeSteps(
  options: Options,
  { batch, size, steps, profilePrefix }: StepTiming,
  note: (line: string) => void,
): Promise<StepTimes> {
  const { input_nc, output_nc, lr } = options;
  const real_A = noiseImages([batch, input_nc, size, size], "bench/A");
  const real_B = noiseImages([batch, output_nc, size, size], "bench/B");
  const runner: ModelRunner = createRunner(options, {
    threads: options.threads,
    device: options.device,
    conv: options.conv,
    checkpointing: options.checkpointing,
    fp16: options.fp16,
    ...(profilePrefix !== undefined && { profilePrefix }),
  });
  try {
    let toFirst: number | undefined;
    let setup: StepSetup | undefined;
    const seconds = await timed(
      steps,
      async () => {
        const result = await runner.step({ real_A, real_B }, { learningRate: lr });
        setup ??= result.setup;
      },
      (took) => {
        toFirst ??= performance.now() / 1000;
        note(`step: ${took.toFixed(3)} s`);
      },
    );
    return { steps: seconds, toFirst: toFirst!, setup: setup! };
  } finally {
    await runner.close();
  }
}

/** The entries that take most of the time, as a table. */
function profileLines({ providers, kinds, scopes, layers }: Profile): string[] {
  const table = (title: string, entries: readonly ProfileEntry[]): string[] => {
    const total = entries.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
    const rows = entries.slice(0, PROFILE_ROWS).map(({ name, milliseconds, nodes }) => {
      const share = `${((100 * milliseconds) / total).toFixed(1)} %`;
      return `${milliseconds.toFixed(1).padStart(10)} ms ${share.padStart(7)} ${String(nodes).padStart(6)}  ${name}`;
    });
    return ["", `${title}: time, share, nodes`, ...rows];
  };
  return [
    ...table("by provider", providers),
    ...table("by operator", kinds),
    ...table("by scope", scopes),
    ...table("by scope and operator, blocks together", layers),
  ];
}

/** Translates single images with fresh weights: the same work as with trained ones. */
async function timeTranslations(options: Options, size: number, count: number): Promise<number[]> {
  const { input_nc, output_nc } = options;
  const name = createModel(options).generators.AtoB!.name;
  const runner = createRunner(options, {
    threads: options.threads,
    device: options.device,
    conv: options.conv,
  });
  const state = await runner.saveState();
  await runner.close();
  const weights = networkWeights(state, name);
  const generator = createGenerator(
    { options, inputChannels: input_nc, outputChannels: output_nc, weights },
    { threads: options.threads, device: options.device, conv: options.conv },
  );
  const image = noiseImages([1, input_nc, size, size], "bench/image");
  try {
    return await timed(Math.max(count, DEFAULT_STEPS), () => generator.translate(image));
  } finally {
    await generator.close();
  }
}
