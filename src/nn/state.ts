import type { Shape } from "../graph/shape.js";

/** How one tensor of a network starts. */
export type Initial =
  /** A convolution's weight, by `init_type`; the fans are PyTorch's, from the weight's first two axes. */
  | { readonly kind: "weight" }
  /** N(1, init_gain): a batch norm's scale. */
  | { readonly kind: "scale" }
  /** 1 from each input channel to the output channel of the same number, else 0: a 1×1 convolution that changes nothing. */
  | { readonly kind: "identity" }
  | { readonly kind: "constant"; readonly value: number };

/**
 * One tensor of a network's state dict. Parameters are trained; buffers (running statistics) follow the batches;
 * a counter counts the training passes (`num_batches_tracked`).
 */
export interface StateSpec {
  readonly name: string;
  readonly role: "parameter" | "buffer" | "counter";
  readonly shape: Shape;
  readonly initial: Initial;
}
