// The same training on WebGPU in float32 and in float16, from the same start, on the built-in icons: losses, loss scale, time.
//   node bench/float16.mjs [pix2pix|cycle_gan] [steps] [filters]
import { loadBuiltin } from "../dist/data/builtin.js";
import { median } from "../dist/data/median.js";
import { imageToTensor } from "../dist/data/pixels.js";
import { presetOfModel, presets } from "../dist/options/presets.js";
import { Engine } from "../dist/runtime/engine.js";
import { ortModule } from "../dist/runtime/node/ort-module.js";

const [model = "pix2pix", steps = "200", filters = "16"] = process.argv.slice(2);
const WINDOW = 25;
const netG = model === "pix2pix" ? "unet_64" : "resnet_6blocks";
const small = { netG, pool_size: 0, ngf: Number(filters), ndf: Number(filters), seed: 1 };
const options = { ...presets[presetOfModel[model]], ...small };
const { trainA, trainB } = await loadBuiltin({ task: "flat-to-3d", layout: "aligned" });
const image = (side, i) => {
  const { shape, data } = imageToTensor(side[i % side.length].image);
  return { shape: [1, ...shape], data };
};

const single = new Engine(ortModule, options, { threads: 1, device: "webgpu" });
const half = new Engine(ortModule, options, { threads: 1, device: "webgpu", fp16: true });
await half.loadState(await single.saveState());

/** A step, and its seconds with the losses. */
async function timed(engine, batch) {
  const start = performance.now();
  const { losses, scaling } = await engine.step(batch, { learningRate: options.lr });
  return { losses, scaling, seconds: (performance.now() - start) / 1000 };
}

let skips = [];
let window = [];
for (let i = 0; i < Number(steps); i++) {
  const batch = { real_A: image(trainA, i), real_B: image(trainB, i) };
  const pair = [await timed(single, batch), await timed(half, batch)];
  const { skipped, lossScale } = pair[1].scaling;
  if (skipped.length > 0) skips.push(`${i + 1} (${skipped.join(", ")})`);
  window.push(pair);
  if (window.length < WINDOW && i + 1 < Number(steps)) continue;
  const mean = (which, name) =>
    (window.reduce((sum, results) => sum + results[which].losses[name], 0) / window.length).toFixed(3);
  const losses = Object.keys(pair[0].losses).map((name) => `${name} ${mean(0, name)} / ${mean(1, name)}`);
  const seconds = [0, 1].map((which) => median(window.map((results) => results[which].seconds)).toFixed(2));
  const scale = `skipped: ${skips.join("; ") || "none"}; the scale is ${lossScale}`;
  console.log(`to step ${i + 1}: ${losses.join("  ")}  ${seconds.join(" / ")} s; ${scale}`);
  [window, skips] = [[], []];
}
await single.close();
await half.close();
