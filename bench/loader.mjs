/**
 * How fast images come, and how long a training waits for them, from files and from memory (--image_memory).
 * Run after `npm run build`: node bench/loader.mjs [--images 60] [--size 1500x1000] [--normal]
 * It makes JPEG photographs of that size. First: images a second, by loading threads. Then trainings of a tiny network (64²) and, with
 * --normal, of the reference's pix2pix (256²), three epochs each: the share of the time that they wait for images.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import sharp from "sharp";
import { createLoader } from "../dist/data/loader.js";
import { train } from "../dist/index.js";
import { defaults, presets } from "../dist/options/presets.js";

const { values } = parseArgs({
  options: {
    images: { type: "string", default: "60" },
    size: { type: "string", default: "1500x1000" },
    normal: { type: "boolean", default: false },
  },
});
const count = Number(values.images);
const [width, height] = values.size.split("x").map(Number);
const folder = await mkdtemp(join(tmpdir(), "pixcycle-bench-"));
const dataroot = join(folder, "photographs");
const MEMORY = { "from files": 0, "from memory": -1 };

/** Noise of several sizes: JPEGs of a photograph's detail, about 1.5 bits a pixel. */
async function writePhotographs() {
  for (const side of ["trainA", "trainB"]) {
    await mkdir(join(dataroot, side), { recursive: true });
    for (let i = 0; i < count; i++) {
      const noise = { type: "gaussian", mean: 128, sigma: 40 };
      const coarse = { create: { width: width >> 3, height: height >> 3, channels: 3, noise } };
      const picture = sharp(coarse).resize(width, height);
      await writeFile(join(dataroot, side, `${i}.jpg`), await picture.jpeg({ quality: 90 }).toBuffer());
    }
  }
}

async function imagesPerSecond(num_threads, image_memory) {
  const options = { ...defaults, ...presets["torch-pix2pix"], dataroot, num_threads, image_memory };
  const loader = await createLoader(options);
  let loaded = 0;
  let start = 0;
  // The first epoch warms up and fills the memory.
  for (const epoch of [0, 1, 2]) {
    if (epoch === 1) start = performance.now();
    for await (const batch of loader.epoch(epoch)) if (epoch > 0) loaded += 2 * batch.paths.length;
  }
  const speed = loaded / ((performance.now() - start) / 1000);
  await loader.close();
  return speed;
}

const TINY = { netG: "unet_64", ngf: 8, netD: "pixel", ndf: 8, load_size: 72, crop_size: 64 };

/** Waiting of every epoch, as a share, and the median of the steps' seconds. */
async function waiting(network, image_memory) {
  const epochs = [];
  const seconds = [];
  const onStep = (step) => {
    epochs[step.epoch - 1] ??= { steps: 0, waiting: 0 };
    const epoch = epochs[step.epoch - 1];
    // The first step builds the session.
    if (step.step === 1) return;
    seconds.push(step.seconds);
    epoch.steps += step.seconds;
    epoch.waiting += step.dataSeconds;
  };
  const run = { runs_dir: join(folder, "runs"), name: "bench", overwrite: true, print_freq: 1000 };
  const epochsOf = { n_epochs: 3, n_epochs_decay: 0, max_dataset_size: network === TINY ? 0 : 6 };
  await train({ model: "pix2pix", dataroot, image_memory, ...run, ...epochsOf, ...network }, { onStep });
  const shares = epochs.map(({ steps, waiting }) => `${((100 * waiting) / (steps + waiting)).toFixed(1)} %`);
  const median = seconds.sort((a, b) => a - b)[seconds.length >> 1];
  return `step ${(1000 * median).toFixed(0)} ms, waiting ${shares.join(", ")}`;
}

try {
  await writePhotographs();
  console.log(`${2 * count} JPEGs of ${width}×${height}, pairs, resized to 286², cropped to 256²`);
  for (const num_threads of [0, 1, 2, 4]) {
    const speeds = [];
    for (const [name, memory] of Object.entries(MEMORY))
      speeds.push(`${(await imagesPerSecond(num_threads, memory)).toFixed(0)} images/s ${name}`);
    console.log(`${num_threads} threads: ${speeds.join(", ")}`);
  }
  const networks = { "tiny network, 64²": TINY, ...(values.normal && { "pix2pix, 256²": {} }) };
  for (const [title, network] of Object.entries(networks))
    for (const [name, memory] of Object.entries(MEMORY))
      console.log(`${title}, ${name}: ${await waiting(network, memory)} (epochs 1 to 3)`);
} finally {
  await rm(folder, { recursive: true });
}
