import type { Tensor } from "../graph/graph.js";
import { add, evenPadding, reflectPad, relu, tanh } from "../graph/language.js";
import type { NetworkState } from "../nn/forward.js";
import { conv, convTranspose, dropout, type Norm, norm, resizeConv, separableConv } from "../nn/layers.js";

export interface ResnetOptions {
  readonly outputChannels: number;
  readonly filters: number;
  readonly blocks: number;
  /** The blocks' convolutions are separable: the generator of the compressed CycleGANs (Li et al., 2020). */
  readonly separable: boolean;
  readonly norm: Norm;
  readonly dropout: boolean;
  readonly upsample: "deconv" | "resize-conv";
}

const DOWNS = 2;

/**
 * The ResNet generator of CycleGAN (Zhu et al., 2017, after Johnson et al., 2016): x [N, C, H, W] → [N, out, H, W] in
 * (−1, 1), sides multiples of 4. State-dict names are those of the reference implementation's module list.
 */
export function resnet(state: NetworkState, x: Tensor, options: ResnetOptions): Tensor {
  const { graph } = state;
  const { filters } = options;
  const bias = options.norm.kind === "instance";
  let position = 1;
  // Each convolution is followed by its norm and its activation in the module list.
  const activated = (features: Tensor): Tensor => {
    const normed = norm(state, `model.${position + 1}`, features, options.norm);
    position += 3;
    return relu(normed);
  };
  let features = graph.scope("in", () =>
    activated(conv(state, "model.1", reflectPad(x, evenPadding(3)), { out: filters, kernel: 7, bias })),
  );
  for (let i = 1; i <= DOWNS; i++) {
    features = graph.scope(`down${i}`, () =>
      activated(
        conv(state, `model.${position}`, features, {
          out: filters * 2 ** i,
          kernel: 3,
          stride: 2,
          padding: 1,
          bias,
        }),
      ),
    );
  }
  for (let i = 1; i <= options.blocks; i++) {
    features = graph.scope(`block${i}`, () =>
      (options.separable ? separableBlock : block)(state, `model.${position}.conv_block`, features, options),
    );
    position++;
  }
  for (let i = DOWNS; i >= 1; i--) {
    features = graph.scope(`up${i}`, () => {
      const layer = { out: filters * 2 ** (i - 1), bias };
      const name = `model.${position}`;
      return activated(
        options.upsample === "resize-conv"
          ? resizeConv(state, name, features, layer)
          : convTranspose(state, name, features, {
              ...layer,
              kernel: 3,
              stride: 2,
              padding: 1,
              outputPadding: 1,
            }),
      );
    });
  }
  return graph.scope("out", () => {
    const last = { out: options.outputChannels, kernel: 7, bias: true };
    return tanh(conv(state, `model.${position + 1}`, reflectPad(features, evenPadding(3)), last));
  });
}

/** x + norm(conv(dropout(relu(norm(conv(x)))))), 3×3 with mirrored borders. */
function block(state: NetworkState, prefix: string, x: Tensor, options: ResnetOptions): Tensor {
  const layer = { out: x.shape[1]!, kernel: 3, bias: options.norm.kind === "instance" };
  const second = options.dropout ? 6 : 5;
  const first = conv(state, `${prefix}.1`, reflectPad(x, evenPadding(1)), layer);
  const active = relu(norm(state, `${prefix}.2`, first, options.norm));
  const dropped = options.dropout ? dropout(state, `${prefix}.4`, active) : active;
  const last = conv(state, `${prefix}.${second}`, reflectPad(dropped, evenPadding(1)), layer);
  return add(x, norm(state, `${prefix}.${second + 1}`, last, options.norm));
}

/** As `block`, of separable convolutions. The reference always has a dropout layer here, which need not drop anything. */
function separableBlock(state: NetworkState, prefix: string, x: Tensor, options: ResnetOptions): Tensor {
  const first = separableConv(state, `${prefix}.1`, x, options.norm);
  const active = relu(norm(state, `${prefix}.2`, first, options.norm));
  const dropped = options.dropout ? dropout(state, `${prefix}.4`, active) : active;
  const last = separableConv(state, `${prefix}.6`, dropped, options.norm);
  return add(x, norm(state, `${prefix}.7`, last, options.norm));
}
