/**
 * How the cost of a training step grows with the size of the images and the batch: seconds, microseconds a pixel, peak memory.
 *   npm run bench:scaling -- [--model pix2pix] [--sizes 64,128,256,512] [--batches 1,2,4,8] [--seconds 480] [--case_seconds 75]
 * Run after `npm run build`. Each case is a process of its own: one step that builds the session, then three to five that are timed (the
 * median counts). A case that is expected to take longer than --case_seconds, not to end within --seconds in all, or to need more memory than is
 * free is skipped, and the table says so. What is expected follows from the cases before. pix2pix has the deepest U-Net that a size allows.
 */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { median } from "../dist/data/median.js";
import { noiseImages } from "../dist/data/noise.js";
import { presetOfModel, presets } from "../dist/options/presets.js";
import { createRunner } from "../dist/runtime/node/create.js";

const { values } = parseArgs({
  options: {
    model: { type: "string", multiple: true, default: ["cycle_gan", "pix2pix"] },
    sizes: { type: "string", default: "64,128,256,512" },
    batches: { type: "string", default: "1,2,4,8" },
    seconds: { type: "string", default: "480" },
    case_seconds: { type: "string", default: "75" },
    threads: { type: "string", default: "0" },
    /** What a child process is given: one case. */
    case: { type: "string" },
  },
});
const numbers = (text) => text.split(",").map(Number);

const MOST_STEPS = 5;
/** The second step of a session may still be slower, while its memory grows. */
const LEAST_STEPS = 3;
/** With as many, enough when they took this long. */
const ENOUGH_SECONDS = 6;
const FREE_SHARE = 0.9;

function optionsOf(model, size) {
  const netG = model === "pix2pix" ? { netG: `unet_${Math.min(size, 256)}` } : {};
  return { ...presets[presetOfModel[model]], ...netG, seed: 0 };
}

/** One case: prints seconds of the first step and of the others, and the peak of the process in MiB. */
async function runCase({ model, size, batch }) {
  const options = optionsOf(model, size);
  const runner = createRunner(options, { threads: Number(values.threads) });
  const images = {
    real_A: noiseImages([batch, 3, size, size], "bench/A"),
    real_B: noiseImages([batch, 3, size, size], "bench/B"),
  };
  const steps = [];
  for (
    let total = 0;
    steps.length <= MOST_STEPS && (steps.length <= LEAST_STEPS || total < ENOUGH_SECONDS);
  ) {
    const start = performance.now();
    await runner.step(images, { learningRate: options.lr });
    steps.push((performance.now() - start) / 1000);
    if (steps.length > 1) total += steps.at(-1);
  }
  const [first, ...timed] = steps;
  console.log(JSON.stringify({ first, timed, peakMiB: process.resourceUsage().maxRSS / 1024 }));
  await runner.close();
}

/** Runs a case in a child process. Resolves with its result, or with a text that says why there is none. */
function startCase(what, limitSeconds) {
  return new Promise((resolve) => {
    const args = [
      fileURLToPath(import.meta.url),
      "--case",
      JSON.stringify(what),
      "--threads",
      values.threads,
    ];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill("SIGKILL");
    }, limitSeconds * 1000);
    child.stdout.on("data", (text) => {
      output += text;
    });
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      if (code === 0) resolve(JSON.parse(output));
      else if (late) resolve(`stopped after ${limitSeconds.toFixed(0)} s`);
      else resolve(signal === "SIGKILL" ? "killed by the system, for memory as a rule" : `failed (${code})`);
    });
  });
}

/** What a case will take, from those before: steps grow with pixels, memory by as much for each pixel as between them. */
function expectation(done, pixels) {
  const last = done.at(-1);
  if (last === undefined) return { seconds: 0, MiB: 0 };
  const seconds = last.first - last.step + (1 + LEAST_STEPS) * last.step * (pixels / last.pixels);
  const others = done.filter((other) => other.pixels < last.pixels);
  const smaller = others.at(0);
  const perPixel = smaller ? (last.peakMiB - smaller.peakMiB) / (last.pixels - smaller.pixels) : 0;
  return { seconds, MiB: last.peakMiB + Math.max(0, perPixel) * (pixels - last.pixels) };
}

function reasonToSkip({ seconds, MiB }, { limit, free }) {
  if (MiB > free)
    return `would need about ${(MiB / 1024).toFixed(1)} GiB, ${(free / 1024).toFixed(1)} are allowed`;
  if (limit < 1) return "no time is left";
  if (seconds > limit) return `would take about ${seconds.toFixed(0)} s, ${limit.toFixed(0)} are allowed`;
  return undefined;
}

async function table(model, deadline) {
  console.log(`\n${model}, reference's networks, float32 (model, size, batch: step, µs a pixel, peak)`);
  const done = [];
  for (const size of numbers(values.sizes)) {
    for (const batch of numbers(values.batches)) {
      const pixels = size * size * batch;
      const title = `${`${size}²`.padEnd(5)} batch ${String(batch).padEnd(3)}`;
      const { seconds, MiB } = expectation(done, pixels);
      const free = (FREE_SHARE * process.availableMemory()) / 2 ** 20;
      const left = (deadline - performance.now()) / 1000;
      const limit = Math.min(Number(values.case_seconds), left);
      const skipped = reasonToSkip({ seconds, MiB }, { limit, free });
      if (skipped !== undefined) {
        console.log(`${title} skipped: ${skipped}`);
        continue;
      }
      // Beyond what was expected, a case may take as long again.
      const result = await startCase({ model, size, batch }, Math.max(1, Math.min(2 * limit, left)));
      if (typeof result === "string") {
        console.log(`${title} ${result}`);
        continue;
      }
      const step = median(result.timed);
      done.push({ pixels, step, first: result.first, peakMiB: result.peakMiB });
      done.sort((a, b) => a.pixels - b.pixels);
      console.log(
        `${title} ${step.toFixed(3).padStart(8)} s ${((1e6 * step) / pixels).toFixed(1).padStart(7)} µs/pixel ` +
          `${result.peakMiB.toFixed(0).padStart(6)} MiB  (first step ${result.first.toFixed(1)} s, ${result.timed.length} timed)`,
      );
    }
  }
}

if (values.case !== undefined) await runCase(JSON.parse(values.case));
else {
  const deadline = performance.now() + 1000 * Number(values.seconds);
  for (const [i, model] of values.model.entries()) {
    // What is left is for the models that are left, in equal parts.
    const now = performance.now();
    await table(model, now + (deadline - now) / (values.model.length - i));
  }
}
