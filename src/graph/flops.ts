import { type Node, type Tensor, topologicalOrder } from "./graph.js";
import { elements } from "./shape.js";

/**
 * Floating-point operations of the convolutions and matrix products that the outputs depend on, a multiplication and an
 * addition being two. They are counted as the formulas are written, whatever form computes them; padding counts as numbers.
 */
export function floatingPointOperations(outputs: readonly Tensor[]): number {
  return topologicalOrder(outputs).reduce((sum, node) => sum + 2 * multiplications(node), 0);
}

function multiplications({ op, attributes, inputs, outputs }: Node): number {
  const [x, second] = inputs;
  switch (op) {
    case "matmul":
      return outputs[0]!.size * x!.shape.at(attributes.transposeA ? -2 : -1)!;
    case "conv2d":
    case "depthwiseConv2d":
      return outputs[0]!.size * elements(second!.shape.slice(1));
    case "convTranspose2d":
    case "depthwiseConvTranspose2d":
      return x!.size * elements(second!.shape.slice(1));
    // Every element of dy meets one patch of the image.
    case "convWeightGradient":
    case "depthwiseConvWeightGradient":
      return second!.size * elements(outputs[0]!.shape.slice(1));
    default:
      return 0;
  }
}
