// node bench/score.mjs DATASET [NAME=OUTPUT_FOLDER]... [--direction BtoA] [--phase dense]
// Scores folders of outputs against a set's test truth, beside the identity and colour-regression baselines.
// Give a NAME several times, once per seed, for the mean and the standard deviation. Needs `npm run build` first.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { compareFolders } from "../dist/evaluation/folders.js";
import { formatScores } from "../dist/evaluation/scores.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { direction: { type: "string", default: "AtoB" }, phase: { type: "string", default: "test" } },
});
const [dataset, ...methods] = positionals;
const wrong = methods.some((method) => !/^[^=]+=.+/.test(method));
if (dataset === undefined || wrong || !["AtoB", "BtoA"].includes(values.direction)) {
  console.error(
    "usage: node bench/score.mjs DATASET [NAME=OUTPUT_FOLDER]... [--direction AtoB|BtoA] [--phase PHASE]",
  );
  process.exit(2);
}
const [input, output] = values.direction === "AtoB" ? ["A", "B"] : ["B", "A"];
/** Unpaired sets keep aligned training places apart, for the regression only. */
const fitSplit = existsSync(join(dataset, "alignedA")) ? "aligned" : "train";
const folders = (split) => ({ inputs: join(dataset, split + input), truth: join(dataset, split + output) });

const runs = new Map();
const outputs = new Map();
for (const method of methods) {
  const name = method.slice(0, method.indexOf("="));
  const run = runs.get(name)?.length ?? 0;
  runs.set(name, [...(runs.get(name) ?? []), `${name} ${run + 1}`]);
  outputs.set(`${name} ${run + 1}`, method.slice(name.length + 1));
}
const table = await compareFolders({ ...folders(values.phase), fit: folders(fitSplit), outputs }).catch(
  (error) => {
    console.error(error.toLine?.() ?? error);
    process.exit(1);
  },
);

const MEASURES = ["l1", "psnr", "ssim"];
const combine = (rows, fold) => Object.fromEntries(MEASURES.map((m) => [m, fold(rows.map((row) => row[m]))]));
const mean = (numbers) => numbers.reduce((sum, n) => sum + n, 0) / numbers.length;
const deviation = (numbers) =>
  Math.sqrt(numbers.reduce((sum, n) => sum + (n - mean(numbers)) ** 2, 0) / (numbers.length - 1));
for (const [name, labels] of runs) {
  const rows = labels.map((label) => table.get(label));
  if (rows.length === 1) {
    table.delete(labels[0]);
    table.set(name, rows[0]);
  } else {
    table.set(`${name} mean`, combine(rows, mean));
    table.set(`${name} ± sd`, combine(rows, deviation));
  }
}
console.log(formatScores(table));
