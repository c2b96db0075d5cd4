import type { Tensor } from "../graph/graph.js";
import { concat, leakyRelu, relu, tanh } from "../graph/language.js";
import type { NetworkState } from "../nn/forward.js";
import { conv, convTranspose, dropout, type Norm, norm, resizeConv } from "../nn/layers.js";
import type { NetworkOptions } from "../options/schema.js";

export interface UnetOptions {
  readonly outputChannels: number;
  /** Filters of the outermost level; inner ones have 2, 4 and 8 times as many. */
  readonly filters: number;
  /** How often the image is halved: 8 for unet_256. The image's sides are multiples of 2 to this power. */
  readonly downs: number;
  readonly norm: Norm;
  readonly dropout: boolean;
  /** Of LeakyReLU. */
  readonly slope: number;
  /**
   * How a level is arranged. `torch`: nothing is normalised at the innermost halving, skips pass a ReLU on their way
   * up, and dropout leaves the innermost level out. `tf`: as TensorFlow's tutorial, which normalises at the innermost
   * halving too, activates right after each norm, so that skips are what LeakyReLU gave, and drops out in the innermost
   * three levels. `affinelayer`: activations as in `torch`, norms and dropout as in `tf`, and a bias in the first
   * convolution: affinelayer's pix2pix-tensorflow.
   */
  readonly style: NetworkOptions["net_style"];
  readonly upsample: "deconv" | "resize-conv";
}

/**
 * The U-Net generator of pix2pix (Isola et al., 2017): x [N, C, H, W] → [N, out, H, W] in (−1, 1).
 * State-dict names are those of the reference implementation's nested modules.
 */
export function unet(state: NetworkState, x: Tensor, options: UnetOptions): Tensor {
  return level(state, x, options, 1, "model");
}

const filtersAt = ({ filters }: UnetOptions, depth: number): number =>
  filters * Math.min(2 ** (depth - 1), 8);

/**
 * The state-dict names of a level's modules. The outermost level has no activation in front and no norm after its
 * convolutions, the innermost has nothing inside; what a level lacks has no meaning in the result.
 * @param depth 1 for the outermost level
 * @param prefix the level's module path: `model` for the outermost, `inside` of the one around it for others
 */
export function unetModules(
  { downs, style }: Pick<UnetOptions, "downs" | "style">,
  depth: number,
  prefix: string,
): { down: string; downNorm: string; inside: string; up: string; upNorm: string } {
  const innermost = style === "affinelayer" ? [1, 2, 0, 4, 5] : [1, 2, 0, 3, 4];
  const positions = depth === 1 ? [0, 0, 1, 3, 0] : depth === downs ? innermost : [1, 2, 3, 5, 6];
  const names = positions.map((position) => `${prefix}.model.${position}`);
  const [down, downNorm, inside, up, upNorm] = names as [string, string, string, string, string];
  return { down, downNorm, inside, up, upNorm };
}

/** One level and all inside it. Level 1 is the outermost; `prefix` is its module path. */
function level(state: NetworkState, x: Tensor, options: UnetOptions, depth: number, prefix: string): Tensor {
  const outermost = depth === 1;
  const innermost = depth === options.downs;
  const { down, downNorm, inside, up, upNorm } = unetModules(options, depth, prefix);
  const tf = options.style === "tf";
  const bias = options.norm.kind === "instance";

  const halved = state.graph.scope(`down${depth}`, () => {
    const features = conv(state, down, outermost || tf ? x : leakyRelu(x, options.slope), {
      out: filtersAt(options, depth),
      kernel: 4,
      stride: 2,
      padding: 1,
      bias: bias || (outermost && options.style === "affinelayer"),
    });
    const plain = outermost || (innermost && options.style === "torch");
    const normed = plain ? features : norm(state, downNorm, features, options.norm);
    return tf ? leakyRelu(normed, options.slope) : normed;
  });
  const inner = innermost ? halved : level(state, halved, options, depth + 1, inside);
  return state.graph.scope(`up${depth}`, () => {
    const out = outermost ? options.outputChannels : filtersAt(options, depth - 1);
    const enlarged = enlarge(state, up, tf ? inner : relu(inner), options, { out, bias: outermost || bias });
    if (outermost) return tanh(enlarged);
    const normed = norm(state, upNorm, enlarged, options.norm);
    // PyTorch's drops out in the ngf·8 levels between the innermost one and the outer four.
    const deep = options.style === "torch" ? !innermost && depth > 4 : depth > options.downs - 3;
    const kept = options.dropout && deep ? dropout(state, `${prefix}.model.7`, normed) : normed;
    return concat([x, tf ? relu(kept) : kept], 1);
  });
}

function enlarge(
  state: NetworkState,
  name: string,
  x: Tensor,
  { upsample }: UnetOptions,
  layer: { out: number; bias: boolean },
): Tensor {
  return upsample === "resize-conv"
    ? resizeConv(state, name, x, layer)
    : convTranspose(state, name, x, { ...layer, kernel: 4, stride: 2, padding: 1 });
}
