import type { Tensor } from "../graph/graph.js";
import { leakyRelu } from "../graph/language.js";
import type { NetworkState } from "../nn/forward.js";
import { conv, type Norm, norm } from "../nn/layers.js";

export interface DiscriminatorOptions {
  readonly filters: number;
  readonly norm: Norm;
  /** Of LeakyReLU. */
  readonly slope: number;
}

/**
 * PatchGAN (Isola et al., 2017): x [N, C, H, W] → one logit per patch. With 3 layers a logit sees 70×70 pixels and
 * 256×256 gives 30×30 logits.
 */
export function patchGan(
  state: NetworkState,
  x: Tensor,
  options: DiscriminatorOptions & { readonly layers: number; readonly firstBias: boolean },
): Tensor {
  const { filters, layers, slope, firstBias } = options;
  const { graph } = state;
  const bias = options.norm.kind === "instance";
  let features = graph.scope("layer1", () =>
    leakyRelu(
      conv(state, "model.0", x, { out: filters, kernel: 4, stride: 2, padding: 1, bias: firstBias }),
      slope,
    ),
  );
  for (let n = 1; n <= layers; n++) {
    const position = 3 * n - 1;
    features = graph.scope(`layer${n + 1}`, () => {
      const layer = {
        out: filters * Math.min(2 ** n, 8),
        kernel: 4,
        stride: n < layers ? 2 : 1,
        padding: 1,
        bias,
      };
      return leakyRelu(
        norm(state, `model.${position + 1}`, conv(state, `model.${position}`, features, layer), options.norm),
        slope,
      );
    });
  }
  return graph.scope("logits", () =>
    conv(state, `model.${3 * layers + 2}`, features, { out: 1, kernel: 4, padding: 1, bias: true }),
  );
}

/** "Same" padding of a kernel of 4 at stride 1, as Keras counts it. */
const SAME_4 = { top: 1, left: 1, bottom: 2, right: 2 };

/**
 * The discriminator of the VGG16 CycleGAN: x [N, C, H, W] → one logit per patch. Every layer halves the image, and its
 * norm comes after LeakyReLU; the first has none.
 */
export function stridedGan(
  state: NetworkState,
  x: Tensor,
  { filters, layers, slope, norm: kind }: DiscriminatorOptions & { readonly layers: number },
): Tensor {
  const { graph } = state;
  let features = x;
  for (let n = 0; n < layers; n++) {
    features = graph.scope(`layer${n + 1}`, () => {
      const layer = { out: filters * Math.min(2 ** n, 8), kernel: 4, stride: 2, padding: 1, bias: true };
      const active = leakyRelu(conv(state, `strided.${n}.conv`, features, layer), slope);
      return n === 0 ? active : norm(state, `strided.${n}.norm`, active, kind);
    });
  }
  return graph.scope("logits", () =>
    conv(state, "logits", features, { out: 1, kernel: 4, padding: SAME_4, bias: true }),
  );
}

/** PixelGAN (Isola et al., 2017): one logit per pixel, from 1×1 convolutions. */
export function pixelGan(state: NetworkState, x: Tensor, options: DiscriminatorOptions): Tensor {
  const { filters, slope } = options;
  const bias = options.norm.kind === "instance";
  const first = leakyRelu(conv(state, "net.0", x, { out: filters, kernel: 1, bias: true }), slope);
  const second = conv(state, "net.2", first, { out: filters * 2, kernel: 1, bias });
  return conv(state, "net.5", leakyRelu(norm(state, "net.3", second, options.norm), slope), {
    out: 1,
    kernel: 1,
    bias,
  });
}
