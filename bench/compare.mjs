// node bench/compare.mjs --model cycle_gan|pix2pix [--size 256] [--batch 1] [--steps 3] [--rounds 2] [--threads 2]
// Times whole training steps and single translations of pixcycle and of PyTorch (bench/pytorch/bench.py) in turn, in one
// run on one machine, and prints medians and their ratio. Needs `npm run build`, and python3-torch.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const number = (value) => ({ type: "string", default: String(value) });
const { values } = parseArgs({
  options: {
    model: { type: "string", default: "pix2pix" },
    size: number(256),
    batch: number(1),
    steps: number(3),
    rounds: number(2),
    threads: number(2),
    python: { type: "string", default: "python3" },
  },
});
const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const shared = ["model", "size", "batch", "steps", "threads"].flatMap((name) => [`--${name}`, values[name]]);
const contestants = {
  pixcycle: [process.execPath, [path("../bin/pixcycle.js"), "bench", ...shared, "--json"]],
  PyTorch: [values.python, [path("pytorch/bench.py"), ...shared]],
};

const median = (numbers) => {
  const sorted = [...numbers].sort((a, b) => a - b);
  return (sorted[Math.floor((sorted.length - 1) / 2)] + sorted[Math.ceil((sorted.length - 1) / 2)]) / 2;
};

const results = { pixcycle: [], PyTorch: [] };
for (let round = 0; round < Number(values.rounds); round++) {
  for (const [name, [command, args]] of Object.entries(contestants)) {
    const output = execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    results[name].push(JSON.parse(output.trim().split("\n").at(-1)));
  }
}
console.log(
  `${values.model}, ${values.size}×${values.size}, batch ${values.batch}, ${values.threads} threads, ${values.rounds} rounds of ${values.steps} steps`,
);
console.log("                 pixcycle   PyTorch   ratio (pixcycle / PyTorch)");
for (const [figure, title] of [
  ["secondsPerStep", "step, s"],
  ["secondsPerImage", "translation, s"],
  ["peakMiB", "peak MiB"],
]) {
  const [ours, theirs] = Object.values(results).map((runs) => median(runs.map((run) => run[figure])));
  const digits = figure === "peakMiB" ? 0 : 3;
  console.log(
    `${title.padEnd(15)} ${ours.toFixed(digits).padStart(9)} ${theirs.toFixed(digits).padStart(9)} ${(ours / theirs).toFixed(2).padStart(7)}`,
  );
}
