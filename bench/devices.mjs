// The same training on the CPU and on WebGPU, from the same start, on noise: how far the losses part, and the memory.
//   node bench/devices.mjs [pix2pix|cycle_gan] [steps] [filters]
import { noiseImages } from "../dist/data/noise.js";
import { presetOfModel, presets } from "../dist/options/presets.js";
import { Engine } from "../dist/runtime/engine.js";
import { ortModule } from "../dist/runtime/node/ort-module.js";

const [model = "pix2pix", steps = "200", filters = "4"] = process.argv.slice(2);
const SIZE = 64;
const IMAGES = 16;
const SMALL = { netG: "unet_64", netD: "pixel", pool_size: 0, lambda_identity: 0, seed: 1 };
const options = { ...presets[presetOfModel[model]], ...SMALL, ngf: Number(filters), ndf: Number(filters) };
const request = { learningRate: options.lr };
const image = (side, i) => noiseImages([1, 3, SIZE, SIZE], side, i % IMAGES);

const webgpu = new Engine(ortModule, options, { threads: 1, device: "webgpu" });
const cpu = new Engine(ortModule, options, { threads: 1 });
await cpu.loadState(await webgpu.saveState());
let worst = 0;
for (let i = 0; i < Number(steps); i++) {
  const batch = { real_A: image("A", i), real_B: image("B", i) };
  const start = performance.now();
  const { losses } = await webgpu.step(batch, request);
  const seconds = ((performance.now() - start) / 1000).toFixed(3);
  const expected = (await cpu.step(batch, request)).losses;
  for (const [name, value] of Object.entries(expected))
    worst = Math.max(worst, Math.abs(losses[name] - value) / Math.max(1e-3, Math.abs(value)));
  if (i % 20 === 19 || i === 0) {
    const memory = Math.round(process.memoryUsage().rss / 2 ** 20);
    console.log(
      `step ${i + 1}: ${seconds} s on WebGPU, losses within ${worst.toExponential(1)}, ${memory} MiB`,
    );
  }
}
await webgpu.close();
await cpu.close();
