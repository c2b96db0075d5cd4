import type { NetworkOptions } from "../options/schema.js";
import { RandomStream } from "../random/philox.js";
import { orthogonal } from "./orthogonal.js";
import type { StateSpec } from "./state.js";

/** What of a tensor decides how it starts. */
export type InitialSpec = Pick<StateSpec, "shape" | "initial">;

export type InitOptions = Pick<NetworkOptions, "init_type" | "init_gain">;

/**
 * The starting value of one tensor, as the reference's `init_weights` sets it, from the stream `init/<name>` of the seed.
 * Fans are PyTorch's: fan_in = shape[1] · kh · kw, fan_out = shape[0] · kh · kw, for transposed convolutions too.
 */
export function initialValue(
  spec: InitialSpec,
  name: string,
  options: InitOptions,
  seed: number,
): Float32Array<ArrayBuffer> {
  const values = new Float32Array(spec.shape.reduce((product, extent) => product * extent, 1));
  const { initial } = spec;
  if (initial.kind === "constant") return values.fill(initial.value);
  if (initial.kind === "identity") return identity(values, spec.shape[1]!);
  const random = new RandomStream(seed, `init/${name}`);
  if (initial.kind === "weight" && options.init_type === "orthogonal") {
    return orthogonal(spec.shape, options.init_gain, random);
  }
  random.fillNormal(values);
  const mean = initial.kind === "scale" ? 1 : 0;
  const deviation = initial.kind === "scale" ? options.init_gain : standardDeviation(spec, options);
  for (let i = 0; i < values.length; i++) values[i] = mean + deviation * values[i]!;
  return values;
}

/** Fills a weight [out, in, 1, 1]. */
function identity(weight: Float32Array<ArrayBuffer>, inputChannels: number): Float32Array<ArrayBuffer> {
  return weight.map((_, i) => (Math.floor(i / inputChannels) === i % inputChannels ? 1 : 0));
}

function standardDeviation({ shape }: InitialSpec, { init_type, init_gain }: InitOptions): number {
  const field = shape.slice(2).reduce((product, extent) => product * extent, 1);
  const [fanIn, fanOut] = [shape[1]! * field, shape[0]! * field];
  if (init_type === "xavier") return init_gain * Math.sqrt(2 / (fanIn + fanOut));
  return init_type === "kaiming" ? Math.sqrt(2 / fanIn) : init_gain;
}
