// node bench/draws.mjs RUN OUT
// What a training draws at random, for bench/pytorch/train.py --draws: initial weights (net_*.safetensors), the loaded,
// flipped and cropped images in their order (batches.safetensors), and for every step the rate and the image pools' draws
// (draws.safetensors). RUN is a run's folder, of which only config.json is read; batches of 1. Needs `npm run build` first.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createLoader } from "../dist/data/loader.js";
import { encodeSafetensors } from "../dist/formats/safetensors.js";
import { createModel } from "../dist/models/model.js";
import { networkWeights } from "../dist/networks/state-dict.js";
import { RandomStream } from "../dist/random/philox.js";
import { createRunner } from "../dist/runtime/node/create.js";
import { endEpoch, startSchedule } from "../dist/training/schedule.js";

const [run, out] = process.argv.slice(2);
if (out === undefined) {
  console.error("usage: node bench/draws.mjs RUN OUT");
  process.exit(2);
}
const { options } = JSON.parse(await readFile(join(run, "config.json"), "utf8"));
if (options.batch_size !== 1) throw new Error("only for batches of 1");
await mkdir(out, { recursive: true });
const model = createModel(options);

const runner = createRunner(options, { threads: 1 });
const state = await runner.saveState();
await runner.close();
for (const { name } of model.networks) {
  await writeFile(join(out, `${name}.safetensors`), encodeSafetensors(networkWeights(state, name)));
}

const batches = new Map();
const draws = { rates: [] };
for (const name of model.pools) draws[name] = [];
const loader = await createLoader(options);
let schedule = startSchedule(options);
for (let epoch = 1; epoch <= options.n_epochs + options.n_epochs_decay; epoch++) {
  for await (const batch of loader.epoch(epoch)) {
    const step = draws.rates.length;
    for (const side of ["real_A", "real_B"]) batches.set(`${side}.${step}`, { dtype: "F32", ...batch[side] });
    draws.rates.push(schedule.learningRate);
    for (const name of model.pools) {
      const stream = new RandomStream(options.seed, name, step);
      draws[name].push(stream.uniform(), stream.int(options.pool_size));
    }
  }
  schedule = endEpoch(schedule, options);
}
await loader.close();
await writeFile(join(out, "batches.safetensors"), encodeSafetensors(batches));
const tensors = Object.entries(draws).map(([name, numbers]) => [
  name,
  { dtype: "F64", shape: [numbers.length], data: Float64Array.from(numbers) },
]);
await writeFile(join(out, "draws.safetensors"), encodeSafetensors(new Map(tensors)));
console.log(`${draws.rates.length} steps in ${out}`);
