// node bench/compare.mjs --model cycle_gan|pix2pix [--size 256] [--batch 1] [--steps 3] [--rounds 2] [--threads 2] [--checkpointing]
// Times whole training steps and single translations of pixcycle and of PyTorch (bench/pytorch/bench.py) in turn, in one
// run on one machine, and what a large float32 product reaches there (bench/gemm.mjs). Prints medians, the ratio of each pair,
// and the share of that limit. With --checkpointing pixcycle computes activations again. Needs `npm run build`, and python3-torch.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { median } from "../dist/data/median.js";

const number = (value) => ({ type: "string", default: String(value) });
const { values } = parseArgs({
  options: {
    model: { type: "string", default: "pix2pix" },
    size: number(256),
    batch: number(1),
    steps: number(3),
    rounds: number(2),
    threads: number(2),
    checkpointing: { type: "boolean", default: false },
    python: { type: "string", default: "python3" },
  },
});
const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const shared = ["model", "size", "batch", "steps", "threads"].flatMap((name) => [`--${name}`, values[name]]);
const own = values.checkpointing ? ["--checkpointing"] : [];
const contestants = {
  pixcycle: [process.execPath, [path("../bin/pixcycle.js"), "bench", ...shared, ...own, "--json"]],
  PyTorch: [values.python, [path("pytorch/bench.py"), ...shared]],
  limit: [process.execPath, [path("gemm.mjs"), "--threads", values.threads]],
};

const results = { pixcycle: [], PyTorch: [], limit: [] };
for (let round = 0; round < Number(values.rounds); round++) {
  for (const [name, [command, args]] of Object.entries(contestants)) {
    const output = execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    results[name].push(JSON.parse(output.trim().split("\n").at(-1)));
  }
}
console.log(
  `${values.model}, ${values.size}×${values.size}, batch ${values.batch}, ${values.threads} threads, ${values.rounds} rounds of ${values.steps} steps`,
);
const figureOf = (name, figure) => median(results[name].map((run) => run[figure]));
const row = (title, ours, theirs, digits, ratio = "") =>
  console.log(
    `${title.padEnd(20)} ${ours.toFixed(digits).padStart(9)} ${theirs.toFixed(digits).padStart(9)} ${ratio.padStart(9)}`,
  );
console.log(
  `${"".padEnd(20)} ${"pixcycle".padStart(9)} ${"PyTorch".padStart(9)} ${"PyTorch / pixcycle".padStart(20)}`,
);
for (const [figure, title, digits] of [
  ["secondsPerStep", "step, s", 3],
  ["secondsToFirstStep", "to first step, s", 1],
  ["secondsPerImage", "translation, s", 3],
  ["peakMiB", "peak, training, MiB", 0],
]) {
  const [ours, theirs] = [figureOf("pixcycle", figure), figureOf("PyTorch", figure)];
  row(title, ours, theirs, digits, (theirs / ours).toFixed(2));
}
// The operations of the plain formulas, for both: a form that needs fewer, such as Winograd's, may pass the limit.
const work = figureOf("pixcycle", "gigaflopPerStep");
const speeds = ["pixcycle", "PyTorch"].map((name) => work / figureOf(name, "secondsPerStep"));
const limit = figureOf("limit", "gigaflopsPerSecond");
const setup = ["graphSeconds", "sessionSeconds"].map((name) => figureOf("pixcycle", name).toFixed(1));
console.log(`of pixcycle's first step, its graph ${setup[0]} s and its session ${setup[1]} s`);
row("step, GFLOP/s", ...speeds, 0);
row(`% of ${limit.toFixed(0)} GFLOP/s`, ...speeds.map((speed) => (100 * speed) / limit), 0);
