import type { Shape } from "../graph/shape.js";

/** How one tensor of a network starts. */
export type Initial =
  /** A convolution's weight, by `init_type`; the fans are PyTorch's, from the weight's first two axes. */
  | { readonly kind: "weight" }
  /** N(1, init_gain): a batch norm's scale. */
  | { readonly kind: "scale" }
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
