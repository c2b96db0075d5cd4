import { PixcycleError } from "../errors.js";
import { resolveOptions } from "../options/resolve.js";
import { RandomStream } from "../random/philox.js";
import { createRunner } from "../runtime/node/create.js";
import type { SessionSettings } from "../runtime/ort.js";

const SIZE = 64;
const STEPS = 2;

/**
 * Trains a very small pix2pix for two steps on noise.
 * @param settings where, by default on the CPU
 * @returns a line that says how long a step took
 * @throws PixcycleError E_RUNTIME if the losses are wrong, or what the runtime throws
 */
export async function selfTest(settings: SessionSettings = { threads: 0 }): Promise<string> {
  const flags = { model: "pix2pix", netG: "unet_64", ngf: 4, ndf: 4, crop_size: SIZE };
  const { options } = resolveOptions({ flags });
  const runner = createRunner(options, settings);
  try {
    const image = { shape: [1, 3, SIZE, SIZE], data: new Float32Array(3 * SIZE * SIZE) };
    new RandomStream(0, "self test").fillUniform(image.data);
    const losses: number[] = [];
    let seconds = 0;
    for (let step = 0; step < STEPS; step++) {
      const began = performance.now();
      const result = await runner.step({ real_A: image, real_B: image }, { learningRate: options.lr });
      seconds = (performance.now() - began) / 1000;
      losses.push(result.losses.G_L1 ?? Number.NaN);
    }
    const [first = Number.NaN, last = Number.NaN] = [losses[0], losses.at(-1)];
    if (!(last < first)) {
      throw new PixcycleError("E_RUNTIME", `The loss did not fall: ${losses.join(", ")}.`);
    }
    return `trained ${STEPS} steps, ${Math.round(seconds * 1000)} ms a step`;
  } finally {
    await runner.close();
  }
}
