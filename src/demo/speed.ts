import type { FloatTensor } from "../formats/tensor.js";
import type { Options } from "../options/schema.js";
import { RandomStream } from "../random/philox.js";
import { createRunner } from "../runtime/node/create.js";

/** The first steps build the session and fill its memory: they say nothing about the others. */
const WARM_UP_STEPS = 3;
const TIMED_STEPS = 20;
/** Fewer steps do where they take long. */
const MOST_SECONDS = 4;

/** Seconds that a training step of the options takes on this machine: the median of some steps on random images. */
export async function measureStep(options: Options): Promise<number> {
  const { batch_size, crop_size, input_nc, output_nc, lr } = options;
  const batch = {
    real_A: noise([batch_size, input_nc, crop_size, crop_size], "A"),
    real_B: noise([batch_size, output_nc, crop_size, crop_size], "B"),
  };
  const runner = createRunner(options, { threads: options.threads });
  try {
    for (let i = 0; i < WARM_UP_STEPS; i++) await runner.step(batch, { learningRate: lr });
    const seconds: number[] = [];
    const end = performance.now() + MOST_SECONDS * 1000;
    while (seconds.length < TIMED_STEPS && performance.now() < end) {
      const began = performance.now();
      await runner.step(batch, { learningRate: lr });
      seconds.push((performance.now() - began) / 1000);
    }
    return seconds.sort((a, b) => a - b)[Math.floor(seconds.length / 2)]!;
  } finally {
    await runner.close();
  }
}

function noise(shape: readonly number[], stream: string): FloatTensor {
  const data = new Float32Array(shape.reduce((product, extent) => product * extent, 1));
  new RandomStream(0, `demo/${stream}`).fillUniform(data);
  return { shape, data: data.map((value) => 2 * value - 1) };
}
