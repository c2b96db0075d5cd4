import type { FloatTensor } from "../formats/tensor.js";
import { RandomStream } from "../random/philox.js";

/** Images of uniform noise in [−1, 1), to time and compare models with: always the same for a stream and a step. */
export function noiseImages(shape: readonly number[], stream: string, step = 0): FloatTensor {
  const data = new Float32Array(shape.reduce((product, extent) => product * extent, 1));
  new RandomStream(0, stream, step).fillUniform(data);
  return { shape, data: data.map((value) => 2 * value - 1) };
}
