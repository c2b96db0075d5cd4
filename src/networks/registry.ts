import { Graph, type Tensor } from "../graph/graph.js";
import { add, constant, conv2d, mul } from "../graph/language.js";
import { type Mode, NetworkState } from "../nn/forward.js";
import type { Norm } from "../nn/layers.js";
import type { StateSpec } from "../nn/state.js";
import { discriminatorNorm } from "../options/discriminator-norm.js";
import { generatorDivisors } from "../options/divisors.js";
import type { NetworkOptions } from "../options/schema.js";
import { patchGan, pixelGan, stridedGan } from "./discriminators.js";
import { type ResnetOptions, resnet } from "./resnet.js";
import { unet } from "./unet.js";
import { vggUnet } from "./vgg-unet.js";

type GeneratorName = NetworkOptions["netG"];

/** The options that decide a generator, but for its channels. */
export type GeneratorOptions = Pick<NetworkOptions, "netG" | "ngf" | "norm" | "no_dropout" | "upsample"> &
  Partial<Pick<NetworkOptions, "learn_residual"> & UntoldOptions>;
/** The options that decide a discriminator, but for its channels. */
export type DiscriminatorOptions = Pick<NetworkOptions, "netD" | "n_layers_D" | "ndf" | "norm"> &
  Partial<Pick<NetworkOptions, "norm_D"> & UntoldOptions>;

/** Options that weights tell nothing of, but for the style of some. Left out, they are what goes with the style. */
export type UntoldOptions = Pick<NetworkOptions, "net_style" | "leaky_slope" | "norm_eps" | "norm_momentum">;

/** The norm and the slope that the options describe. */
function conventions(options: Conventions): {
  readonly norm: Norm;
  readonly slope: number;
  readonly style: UntoldOptions["net_style"];
} {
  const { norm, net_style, leaky_slope, norm_eps, norm_momentum } = options;
  const style = net_style ?? "torch";
  const ofVgg = options.netG === "vgg16_unet" || options.netD === "strided";
  const kerasNorm = ofVgg || (style === "tf" && norm === "batch");
  const [eps, momentum] = kerasNorm ? [1e-3, 0.01] : [1e-5, 0.1];
  return {
    norm: { kind: norm, eps: norm_eps ?? eps, momentum: norm_momentum ?? momentum },
    slope: leaky_slope ?? (style === "tf" ? 0.3 : 0.2),
    style,
  };
}

type Conventions = Pick<NetworkOptions, "norm"> &
  Partial<UntoldOptions & Pick<NetworkOptions, "netG" | "netD">>;

/** A network of a model: its name in checkpoints, its input's channels, and how it runs. */
export interface Network {
  /** `net_G`, `net_D`, `net_G_A`, … */
  readonly name: string;
  readonly inputChannels: number;
  /** Height and width of an input must be multiples of this. */
  readonly divisor: number;
  /** The smallest height and width that it can be run on. */
  readonly minimumSize: number;
  readonly forward: (state: NetworkState, x: Tensor) => Tensor;
}

/** How often each U-Net halves its image. */
export const UNET_DOWNS = { unet_64: 6, unet_128: 7, unet_256: 8 } as const;
/** The residual blocks of each ResNet. */
export const RESNET_BLOCKS = { resnet_6blocks: 6, resnet_9blocks: 9 } as const;
/** The same of those whose blocks are of separable convolutions. */
export const MOBILE_RESNET_BLOCKS = { mobile_resnet_6blocks: 6, mobile_resnet_9blocks: 9 } as const;

const isUnet = (name: GeneratorName): name is keyof typeof UNET_DOWNS => name in UNET_DOWNS;

const isMobile = (name: GeneratorName): name is keyof typeof MOBILE_RESNET_BLOCKS =>
  name in MOBILE_RESNET_BLOCKS;

const isVgg = (name: GeneratorName): name is "vgg16_unet" => name === "vgg16_unet";

/** A generator by its option names, mapping `inputChannels` to `outputChannels`. */
export function generator(
  name: string,
  options: GeneratorOptions,
  inputChannels: number,
  outputChannels: number,
): Network {
  const { netG, upsample } = options;
  const { norm, slope, style } = conventions(options);
  const shared = { outputChannels, filters: options.ngf, norm, dropout: !options.no_dropout, upsample };
  const translate: Network["forward"] = isVgg(netG)
    ? (state, x) => vggUnet(state, x, shared)
    : isUnet(netG)
      ? (state, x) => unet(state, x, { ...shared, slope, style, downs: UNET_DOWNS[netG] })
      : (state, x) => resnet(state, x, { ...shared, ...resnetBlocks(netG) });
  const forward = options.learn_residual === true ? residual(translate, outputChannels) : translate;
  const divisor = generatorDivisors[netG];
  // A ResNet mirrors 3 pixels at full size and 1 at a quarter of it.
  return { name, inputChannels, divisor, minimumSize: Math.max(divisor, 8), forward };
}

const resnetBlocks = (
  netG: keyof typeof RESNET_BLOCKS | keyof typeof MOBILE_RESNET_BLOCKS,
): Pick<ResnetOptions, "blocks" | "separable"> =>
  isMobile(netG)
    ? { blocks: MOBILE_RESNET_BLOCKS[netG], separable: true }
    : { blocks: RESNET_BLOCKS[netG], separable: false };

/** The name of the weight that tells a residual generator from others. */
export const SKIP = "skip.weight";

/**
 * A generator that learns what to add to its input: the output is 2·network(x) + W·x, where W, a 1×1 convolution, starts
 * as the identity. Edges survive from the first step on. Twice, because two values in [−1, 1] differ by up to 2: black
 * can become white. The sum may leave [−1, 1]; images are clamped when written.
 */
const residual =
  (network: Network["forward"], outputChannels: number): Network["forward"] =>
  (state, x) => {
    const learned = network(state, x);
    return state.graph.scope("skip", () => {
      const weight = state.parameter(SKIP, [outputChannels, x.shape[1]!, 1, 1], { kind: "identity" });
      return add(mul(learned, 2), conv2d(x, weight));
    });
  };

/** A discriminator by its option names. */
export function discriminator(name: string, options: DiscriminatorOptions, inputChannels: number): Network {
  const { norm, slope, style } = conventions({ ...options, norm: discriminatorNorm(options) });
  const shared = { filters: options.ndf, norm, slope };
  if (options.netD === "pixel") {
    return {
      name,
      inputChannels,
      divisor: 1,
      minimumSize: 1,
      forward: (state, x) => pixelGan(state, x, shared),
    };
  }
  if (options.netD === "strided") {
    const layers = options.n_layers_D;
    const forward: Network["forward"] = (state, x) => stridedGan(state, x, { ...shared, layers });
    return { name, inputChannels, divisor: 1, minimumSize: 2 ** (layers + 1), forward };
  }
  const layers = options.netD === "basic" ? 3 : options.n_layers_D;
  return {
    name,
    inputChannels,
    divisor: 1,
    // After the halvings, two 4×4 convolutions with padding 1 shrink the image by 1 each.
    minimumSize: 3 * 2 ** layers,
    forward: (state, x) => patchGan(state, x, { ...shared, layers, firstBias: style !== "tf" }),
  };
}

/** The state dict of a network: names, roles, shapes and starting values, in the order of first use. */
export function describeNetwork(network: Network, mode: Mode = "train"): StateSpec[] {
  const graph = new Graph();
  const state = new NetworkState(graph, network.name, mode);
  const size = Math.ceil(network.minimumSize / network.divisor) * network.divisor;
  state.call("describe", () =>
    network.forward(state, constant(graph, 0, [1, network.inputChannels, size, size])),
  );
  return [...state.specs.values()];
}

/** Trained numbers of a network. */
export function parameterCount(network: Network): number {
  const trained = describeNetwork(network).filter((spec) => spec.role === "parameter");
  return trained.reduce((sum, { shape }) => sum + shape.reduce((product, extent) => product * extent, 1), 0);
}
