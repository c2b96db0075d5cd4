import type { RandomStream } from "../random/philox.js";

/** A dropout mask: zero with the probability, else 1 / (1 − probability). */
export function dropoutMask(length: number, probability: number, random: RandomStream): Float32Array {
  const mask = new Float32Array(length);
  random.fillUniform(mask);
  const kept = 1 / (1 - probability);
  for (let i = 0; i < length; i++) mask[i] = mask[i]! < probability ? 0 : kept;
  return mask;
}
