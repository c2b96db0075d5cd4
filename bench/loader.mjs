/**
 * How fast the loader is: images a second, JPEG 256² → bicubic to 286² → crop to 256², flip → [−1, 1], by threads.
 * Run after `npm run build`: node bench/loader.mjs [images]
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { createLoader } from "../dist/data/loader.js";

const images = Number(process.argv[2] ?? 200);
const size = 256;
const dataroot = await mkdtemp(join(tmpdir(), "pixcycle-bench-"));
try {
  for (const side of ["trainA", "trainB"]) {
    await mkdir(join(dataroot, side));
    for (let i = 0; i < images / 2; i++) {
      const noise = { type: "gaussian", mean: 128, sigma: 40 };
      const texture = sharp({ create: { width: 64, height: 64, channels: 3, noise } }).resize(size, size);
      await writeFile(join(dataroot, side, `${i}.jpg`), await texture.jpeg({ quality: 90 }).toBuffer());
    }
  }
  for (const num_threads of [0, 1, 2, 4]) {
    const loader = await createLoader({
      ...{ dataroot, dataset_mode: "unaligned", phase: "train", direction: "AtoB", seed: 1 },
      ...{ preprocess: "resize_and_crop", load_size: 286, crop_size: size, no_flip: false },
      ...{
        serial_batches: false,
        max_dataset_size: 0,
        input_nc: 3,
        output_nc: 3,
        batch_size: 1,
        num_threads,
      },
    });
    for await (const _ of loader.epoch(0)) {
      // The first epoch warms up.
    }
    const start = performance.now();
    let loaded = 0;
    for await (const batch of loader.epoch(1)) loaded += 2 * batch.paths.length;
    const seconds = (performance.now() - start) / 1000;
    console.log(`${num_threads} threads: ${(loaded / seconds).toFixed(0)} images/s`);
    await loader.close();
  }
} finally {
  await rm(dataroot, { recursive: true });
}
