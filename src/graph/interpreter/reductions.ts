import { elements, type Shape } from "../shape.js";
import { broadcastPositions, gather, scatterAdd } from "./positions.js";
import type { Kernel, Value } from "./value.js";

function sumTo(shape: Shape, x: Value): Float64Array {
  return scatterAdd(new Float64Array(elements(shape)), broadcastPositions(shape, x.shape), x.data);
}

function meanTo(shape: Shape, x: Value): Float64Array {
  const count = elements(x.shape) / elements(shape);
  return sumTo(shape, x).map((sum) => sum / count);
}

const reduceSum: Kernel<"reduceSum"> = (_, [x], [shape]) => [sumTo(shape!, x!)];
const reduceMean: Kernel<"reduceMean"> = (_, [x], [shape]) => [meanTo(shape!, x!)];

/** Two passes: the mean, then the mean of the squared differences from it. */
const normalize: Kernel<"normalize"> = ({ eps }, inputs, [shape, statistics]) => {
  const [x] = inputs as [Value];
  const mean = meanTo(statistics!, x);
  const at = broadcastPositions(statistics!, shape!);
  const means = gather(mean, at);
  const centred = x.data.map((value, i) => value - means[i]!);
  const variance = meanTo(statistics!, { shape: x.shape, data: centred.map((value) => value * value) });
  const rstd = variance.map((value) => 1 / Math.sqrt(value + eps));
  const scales = gather(rstd, at);
  return [centred.map((value, i) => value * scales[i]!), mean, rstd];
};

export const reductionKernels = { reduceSum, reduceMean, normalize };
