/**
 * A training loop by hand: the learning rate warms up, and of all epochs the weights are kept that come nearest to
 * images which are not trained on. Writes them as `best.safetensors`, which every command takes.
 *
 *     npx tsc -p examples
 *     node .cache/examples/custom-loop.js datasets/facades 20 '{ "netG": "unet_128", "crop_size": 128, "load_size": 143 }'
 */
import { writeFile } from "node:fs/promises";
import {
  createLoader,
  createRunner,
  type Dataset,
  encodeSafetensors,
  l1,
  type ModelRunner,
  networkWeights,
  openDataset,
  resolveOptions,
} from "pixcycle";

const WARM_UP_STEPS = 200;

const [dataroot = "datasets/facades", epochs = "20", more = "{}", out = "best.safetensors"] =
  process.argv.slice(2);
const { options } = resolveOptions({ flags: { model: "pix2pix", dataroot, ...JSON.parse(more) } });

const loader = await createLoader(options);
const unseen = await openDataset({ ...options, phase: "test", load_size: options.crop_size, no_flip: true });
const runner = createRunner(options);
try {
  let best = Number.POSITIVE_INFINITY;
  let step = 0;
  for (let epoch = 1; epoch <= Number(epochs); epoch++) {
    let G_L1 = 0;
    for await (const batch of loader.epoch(epoch)) {
      const learningRate = options.lr * Math.min(1, ++step / WARM_UP_STEPS);
      const { losses } = await runner.step(batch, { learningRate });
      G_L1 = losses.G_L1 ?? Number.NaN;
    }
    const distance = await meanDistance(runner, unseen);
    console.log(`epoch ${epoch}: G_L1 ${G_L1.toFixed(2)}, L1 on unseen images ${distance.toFixed(4)}`);
    if (distance < best) {
      best = distance;
      await writeFile(out, encodeSafetensors(networkWeights(await runner.saveState(), "net_G")));
    }
  }
  console.log(`best ${best.toFixed(4)}: ${out}`);
} finally {
  await runner.close();
  await loader.close();
}

/** The mean L1 distance to the truth, 0 to 1. */
async function meanDistance(model: ModelRunner, dataset: Dataset): Promise<number> {
  let sum = 0;
  for (let i = 0; i < dataset.length; i++) {
    const { A, B } = await dataset.sample(i, 0);
    const fake_B = await model.infer("net_G", { shape: [1, ...A.shape], data: A.data });
    sum += l1({ shape: B!.shape, data: fake_B.data }, B!);
  }
  return sum / dataset.length;
}
