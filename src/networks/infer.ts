import { PixcycleError } from "../errors.js";
import type { TensorMap } from "../formats/tensor.js";
import { showShape } from "../graph/shape.js";
import type { NormKind } from "../nn/layers.js";
import { fromAffinelayer, isAffinelayer } from "./affinelayer.js";
import {
  type DiscriminatorOptions,
  describeNetwork,
  discriminator,
  type GeneratorOptions,
  generator,
  MOBILE_RESNET_BLOCKS,
  type Network,
  RESNET_BLOCKS,
  SKIP,
  UNET_DOWNS,
  type UntoldOptions,
} from "./registry.js";
import { some, stateDictProblems } from "./state-dict.js";

/** What the weights of a generator tell of it. */
export interface GeneratorArchitecture extends Omit<GeneratorOptions, "no_dropout"> {
  readonly kind: "generator";
  readonly inputChannels: number;
  readonly outputChannels: number;
  /** Whether it was trained with dropout; undefined for U-Nets and mobile ResNets, whose names are the same either way. */
  readonly dropout: boolean | undefined;
}

/** What the weights of a discriminator tell of it. */
export interface DiscriminatorArchitecture extends DiscriminatorOptions {
  readonly kind: "discriminator";
  readonly inputChannels: number;
}

/** A network recognised by its weights. */
export interface InferredNetwork<A = GeneratorArchitecture | DiscriminatorArchitecture> {
  readonly architecture: A;
  readonly network: Network;
  /** The weights without leftovers: they fit the network exactly. */
  readonly weights: TensorMap;
  /**
   * Tensors left out, which change nothing: statistics that instance norms of PyTorch before 0.4 carried along and
   * never used, biases in front of a norm in affinelayer's files.
   */
  readonly dropped: readonly string[];
}

type Shape4 = readonly [number, number, number, number];

/**
 * Recognises a network by the names and shapes of its state dict, which are the reference implementation's, or
 * TensorFlow's for the generator of affinelayer's pix2pix.
 * Weights do not tell the slope of LeakyReLU, what norms add to the variance, nor, where norms have no parameters, the
 * U-Net's style; they are taken from the training's options, else they are what goes with the style.
 * @param where the file, for messages
 * @param trained the options of the training, where they are known
 * @throws PixcycleError E_CHECKPOINT_MISMATCH saying what was seen
 */
export function inferNetwork(
  weights: TensorMap,
  where: string,
  trained: Partial<UntoldOptions> = {},
): InferredNetwork {
  if (isAffinelayer(weights)) {
    const { weights: converted, dropped } = fromAffinelayer(weights, where);
    return { ...inferUnet(new StateDict(converted, where, trained)), dropped };
  }
  const seen = new StateDict(weights, where, trained);
  if (seen.has("model.model.0.weight")) return inferUnet(seen);
  if (seen.has("net.0.weight")) return inferPixelGan(seen);
  if (seen.has("decoder.0.conv1.weight")) return inferVggUnet(seen);
  if (seen.has("strided.0.conv.weight")) return inferStridedGan(seen);
  if (seen.has("model.10.conv_block.1.weight")) return inferResnet(seen, false);
  if (seen.has("model.10.conv_block.1.conv.0.weight")) return inferResnet(seen, true);
  if (seen.has("model.0.weight")) return inferPatchGan(seen);
  throw seen.unknown("no known network has such tensors");
}

/** As `inferNetwork`, for a file that must hold a generator. */
export function inferGenerator(
  weights: TensorMap,
  where: string,
  trained: Partial<UntoldOptions> = {},
): InferredNetwork<GeneratorArchitecture> {
  const { architecture, ...inferred } = inferNetwork(weights, where, trained);
  if (architecture.kind === "generator") return { architecture, ...inferred };
  throw new PixcycleError("E_CHECKPOINT_MISMATCH", `${where} is a discriminator (${architecture.netD}).`, {
    hint: "Translation needs a generator: net_G, net_G_A or net_G_B.",
  });
}

function inferUnet(seen: StateDict): InferredNetwork<GeneratorArchitecture> {
  let prefix = "model.model.1";
  let downs = 1;
  for (; seen.has(`${prefix}.model.1.weight`); downs++) prefix += ".model.3";
  const netG = nameWith(UNET_DOWNS, downs);
  if (netG === undefined) {
    throw seen.unknown(`a U-Net that halves its image ${downs} times; known are 6, 7 and 8`);
  }
  const [ngf, inputChannels] = seen.shape("model.model.0.weight");
  const last = seen.shape("model.model.3.weight");
  const norm = seen.norm("model.model.1.model.1", "model.model.1.model.2");
  const style = unetStyle(seen, prefix.replace(/\.3$/, ""), norm);
  const upsample = last[2] === 3 ? "resize-conv" : "deconv";
  return generatorOf(seen, {
    ...{ netG, ngf, upsample, inputChannels, dropout: undefined },
    ...{ norm, ...seen.untold(style) },
    outputChannels: upsample === "deconv" ? last[1] : last[0],
  });
}

/** The style that the modules of the innermost level tell: only a torch U-Net does not normalise after its halving. */
function unetStyle(
  seen: StateDict,
  innermost: string,
  norm: NormKind,
): UntoldOptions["net_style"] | undefined {
  if (seen.isConv(`${innermost}.4.weight`)) return "affinelayer";
  if (seen.has(`${innermost}.2.weight`)) return "tf";
  return norm === "batch" || norm === "instance_affine" ? "torch" : undefined;
}

function inferResnet(seen: StateDict, separable: boolean): InferredNetwork<GeneratorArchitecture> {
  const first = separable ? "conv_block.1.conv.0.weight" : "conv_block.1.weight";
  let blocks = 0;
  while (seen.has(`model.${10 + blocks}.${first}`)) blocks++;
  const netG = separable ? nameWith(MOBILE_RESNET_BLOCKS, blocks) : nameWith(RESNET_BLOCKS, blocks);
  if (netG === undefined) {
    throw seen.unknown(`a ResNet of ${blocks} ${blocks === 1 ? "block" : "blocks"}; known are 6 and 9`);
  }
  const [ngf, inputChannels] = seen.shape("model.1.weight");
  // A transposed convolution has its inputs first, twice as many as its outputs; a convolution the other way round.
  const up = seen.shape(`model.${10 + blocks}.weight`);
  return generatorOf(seen, {
    ...{ netG, ngf, inputChannels },
    norm: seen.norm("model.1", "model.2"),
    upsample: up[0] > up[1] ? "deconv" : "resize-conv",
    outputChannels: seen.shape(`model.${17 + blocks}.weight`)[0],
    dropout: separable ? undefined : !seen.isConv("model.10.conv_block.5.weight"),
    ...seen.untold("torch"),
  });
}

function inferPatchGan(seen: StateDict): InferredNetwork<DiscriminatorArchitecture> {
  let layers = 0;
  while (seen.isConv(`model.${3 * (layers + 1) + 2}.weight`)) layers++;
  if (layers === 0) throw seen.unknown("no known network has such tensors");
  const [ndf, inputChannels] = seen.shape("model.0.weight");
  return discriminatorOf(seen, {
    ...{ ndf, inputChannels, netD: layers === 3 ? "basic" : "n_layers", n_layers_D: layers },
    norm: seen.norm("model.2", "model.3"),
    ...seen.untold(seen.has("model.0.bias") ? "torch" : "tf"),
  });
}

function inferVggUnet(seen: StateDict): InferredNetwork<GeneratorArchitecture> {
  const [ngf, inputChannels] = seen.shape("features.0.weight");
  return generatorOf(seen, {
    ...{ netG: "vgg16_unet", ngf, inputChannels, upsample: "deconv", dropout: false },
    ...{ norm: seen.biasedNorm("decoder.0.norm1"), outputChannels: seen.shape("last.weight")[0] },
    ...seen.untold("torch"),
  });
}

function inferStridedGan(seen: StateDict): InferredNetwork<DiscriminatorArchitecture> {
  let layers = 1;
  while (seen.isConv(`strided.${layers}.conv.weight`)) layers++;
  const [ndf, inputChannels] = seen.shape("strided.0.conv.weight");
  return discriminatorOf(seen, {
    ...{ netD: "strided", n_layers_D: layers, ndf, inputChannels, norm: seen.biasedNorm("strided.1.norm") },
    ...seen.untold("torch"),
  });
}

function inferPixelGan(seen: StateDict): InferredNetwork<DiscriminatorArchitecture> {
  const [ndf, inputChannels] = seen.shape("net.0.weight");
  const norm = seen.norm("net.2", "net.3");
  return discriminatorOf(seen, {
    ...{ ndf, inputChannels, norm, netD: "pixel", n_layers_D: 3 },
    ...seen.untold("torch"),
  });
}

function generatorOf(
  seen: StateDict,
  found: Omit<GeneratorArchitecture, "kind">,
): InferredNetwork<GeneratorArchitecture> {
  const architecture = { ...found, ...(seen.has(SKIP) && { learn_residual: true }) };
  const { dropout, inputChannels, outputChannels, ...options } = architecture;
  const build = generator(
    "net_G",
    { ...options, no_dropout: dropout !== true },
    inputChannels,
    outputChannels,
  );
  return seen.fitting({ kind: "generator", ...architecture }, build, found.netG);
}

function discriminatorOf(
  seen: StateDict,
  found: Omit<DiscriminatorArchitecture, "kind">,
): InferredNetwork<DiscriminatorArchitecture> {
  const build = discriminator("net_D", found, found.inputChannels);
  return seen.fitting({ kind: "discriminator", ...found }, build, `${found.netD} discriminator`);
}

function nameWith<N extends string>(table: Readonly<Record<N, number>>, value: number): N | undefined {
  return (Object.keys(table) as N[]).find((name) => table[name] === value);
}

/** The names and shapes of a file, and what to say when they are not what they seemed. */
class StateDict {
  constructor(
    private readonly weights: TensorMap,
    private readonly where: string,
    private readonly trained: Partial<UntoldOptions>,
  ) {}

  has(name: string): boolean {
    return this.weights.has(name);
  }

  isConv(name: string): boolean {
    return this.weights.get(name)?.shape.length === 4;
  }

  /** The shape of a convolution's weight. */
  shape(name: string): Shape4 {
    const shape = this.weights.get(name)?.shape;
    if (shape?.length === 4) return shape as Shape4;
    throw this.unknown(shape ? `${name} is ${showShape(shape)}` : `${name} is missing`);
  }

  /**
   * The norm between two layers, from the names of the convolution in front of it and its own: batch norm has
   * learned scales and running statistics, affine instance norm the scales alone; of the other two, the reference
   * gives convolutions a bias in front of an instance norm only.
   */
  norm(conv: string, norm: string): NormKind {
    if (this.has(`${norm}.weight`)) {
      if (this.has(`${norm}.running_mean`)) return "batch";
      if (!this.has(`${conv}.bias`)) return "instance_affine";
      throw this.unknown(`its norm ${norm} has learned scales without running statistics`);
    }
    return this.has(`${conv}.bias`) ? "instance" : "none";
  }

  /** The norm of a network whose convolutions always have a bias: none at all is taken for an instance norm. */
  biasedNorm(norm: string): NormKind {
    if (!this.has(`${norm}.weight`)) return "instance";
    return this.has(`${norm}.running_mean`) ? "batch" : "instance_affine";
  }

  /**
   * What the training's options know beyond the weights. `style` is the one that the weights tell, undefined if they
   * do not; the usual one is not mentioned.
   */
  untold(style: UntoldOptions["net_style"] | undefined): Partial<UntoldOptions> {
    const { leaky_slope, norm_eps, norm_momentum } = this.trained;
    const net_style = style ?? this.trained.net_style ?? "torch";
    return {
      ...(net_style !== "torch" && { net_style }),
      ...(leaky_slope !== undefined && { leaky_slope }),
      ...(norm_eps !== undefined && { norm_eps }),
      ...(norm_momentum !== undefined && { norm_momentum }),
    };
  }

  /** @throws PixcycleError E_CHECKPOINT_MISMATCH if the file has other tensors than the network it looks like */
  fitting<A extends { readonly norm: NormKind }>(
    architecture: A,
    network: Network,
    name: string,
  ): InferredNetwork<A> {
    const leftover = (tensor: string) =>
      architecture.norm === "instance" && /\.(running_mean|running_var|num_batches_tracked)$/.test(tensor);
    const dropped = [...this.weights.keys()].filter(leftover);
    const weights: TensorMap = new Map([...this.weights].filter(([tensor]) => !leftover(tensor)));
    const problems = stateDictProblems(describeNetwork(network), weights);
    if (problems.length === 0) return { architecture, network, weights, dropped };
    throw this.error(`looks like ${name}, norm ${architecture.norm}, but ${some(problems)}`);
  }

  unknown(seen: string): PixcycleError {
    const tensors = [...this.weights].map(([name, { shape }]) => `${name} ${showShape(shape)}`);
    const content = tensors.length === 0 ? "no tensors" : `${some(tensors)}`;
    return this.error(`cannot be recognised: ${seen} (it holds ${content})`);
  }

  private error(problem: string): PixcycleError {
    return new PixcycleError("E_CHECKPOINT_MISMATCH", `${this.where} ${problem}.`, {
      hint: "Known are the reference's ResNet and U-Net generators, the mobile ResNet of GAN Compression, PatchGAN and PixelGAN, as state dicts, and affinelayer's U-Net.",
    });
  }
}
