import type { Tensor } from "../graph/graph.js";
import { concat, greater, relu, select, slice, tanh, upsampleNearest } from "../graph/language.js";
import type { NetworkState } from "../nn/forward.js";
import { conv, type Norm, norm } from "../nn/layers.js";

export interface VggUnetOptions {
  readonly outputChannels: number;
  /** Filters of VGG's first block: 64 in VGG16, which its ImageNet weights need. */
  readonly filters: number;
  readonly norm: Norm;
}

/** The convolutions of VGG16's five blocks, each ending in a pooling, by their numbers in torchvision's `features`. */
const BLOCKS = [
  [0, 2],
  [5, 7],
  [10, 12, 14],
  [17, 19, 21],
  [24, 26, 28],
] as const;

/** What the decoder's levels have of VGG's first filters, from the innermost one. */
const DECODER = [4, 2, 1, 0.5, 0.5] as const;

/**
 * A U-Net whose encoder is VGG16 (Simonyan & Zisserman, 2015): x [N, C, H, W] → [N, out, H, W] in (−1, 1), sides
 * multiples of 32. Each of the decoder's five levels doubles the image by repeating pixels, appends the pooled features
 * of that size (the last level has none), and convolves 1×1 and 3×3, each after a norm. The encoder's state-dict names
 * are torchvision's.
 */
export function vggUnet(state: NetworkState, x: Tensor, options: VggUnetOptions): Tensor {
  const { graph } = state;
  const pools = vggFeatures(state, x, options.filters);
  let features = pools.at(-1)!;
  DECODER.forEach((share, i) => {
    features = graph.scope(`up${i + 1}`, () => {
      const enlarged = upsampleNearest(features, 2);
      const skip = pools[BLOCKS.length - 2 - i];
      const joined = skip ? concat([enlarged, skip], 1) : enlarged;
      const at = (name: string): string => `decoder.${i}.${name}`;
      const layer = { out: Math.ceil(options.filters * share), bias: true };
      const mixed = conv(state, at("conv1"), norm(state, at("norm1"), joined, options.norm), {
        ...{ ...layer, kernel: 1 },
      });
      const normed = norm(state, at("norm2"), relu(mixed), options.norm);
      return relu(conv(state, at("conv2"), normed, { ...layer, kernel: 3, padding: 1 }));
    });
  });
  return graph.scope("out", () =>
    tanh(conv(state, "last", features, { out: options.outputChannels, kernel: 3, padding: 1, bias: true })),
  );
}

/**
 * The encoder, torchvision's `vgg16().features`: x [N, C, H, W] → what each of its five blocks pools,
 * [N, filters·{1, 2, 4, 8, 8}, H/2, W/2] to [.., H/32, W/32].
 */
export function vggFeatures(state: NetworkState, x: Tensor, filters: number): Tensor[] {
  const pools: Tensor[] = [];
  BLOCKS.forEach((block, i) => {
    const pooled = state.graph.scope(`block${i + 1}`, () => {
      const layer = { out: filters * Math.min(2 ** i, 8), kernel: 3, padding: 1, bias: true };
      const image = pools.at(-1) ?? x;
      return maxPool(block.reduce((y, n) => relu(conv(state, `features.${n}`, y, layer)), image));
    });
    pools.push(pooled);
  });
  return pools;
}

/** The largest of every 2×2 pixels; of equal ones the gradient goes to the first. */
function maxPool(x: Tensor): Tensor {
  const corner = (top: number, left: number): Tensor => slice(x, [0, 0, top, left], x.shape, [1, 1, 2, 2]);
  const larger = (a: Tensor, b: Tensor): Tensor => select(greater(b, a), b, a);
  return [corner(0, 0), corner(0, 1), corner(1, 0), corner(1, 1)].reduce(larger);
}
