import type { Tensor } from "../graph/graph.js";
import type { Padding2d } from "../graph/ops.js";
import type { Shape } from "../graph/shape.js";
import {
  refusesWinograd,
  type WinogradProblem,
  type WinogradUse,
  winogradConv,
  winogradInputGradient,
  winogradWeightGradient,
} from "./lower-winograd.js";
import type { LoweringTable } from "./lowering.js";

/** An image and what lies around it. */
type Image = Pick<WinogradProblem, "border"> & { readonly tensor: Tensor };

/** Reflections around an image are part of the convolution that sees them, where it adds no zeros. */
function imageOf(x: Tensor, padding: Padding2d): Image {
  const { op, attributes, inputs } = x.node;
  return op === "reflectPad" && isNothing(padding)
    ? { tensor: inputs[0]!, border: { mode: "reflect", ...attributes } }
    : { tensor: x, border: { mode: "zero", ...padding } };
}

const isNothing = ({ top, left, bottom, right }: Padding2d): boolean =>
  Math.max(top, left, bottom, right) === 0;

const sides = (weight: Shape): readonly number[] => weight.slice(2);

/** Lowerings of what Winograd's algorithm takes; what it refuses is left to the `direct` ones. */
export function winogradLowerings(use: WinogradUse, direct: LoweringTable): Partial<LoweringTable> {
  const takes = (problem: WinogradProblem): boolean => refusesWinograd(use, problem) === undefined;
  return {
    conv2d: (e, node) => {
      const { attributes, inputs, shapes, output, tensors, nameOf } = node;
      const { tensor, border } = imageOf(tensors[0]!, attributes.padding);
      const { stride } = attributes;
      const problem = { stride, kernel: sides(shapes[1]!), border, x: tensor.shape, y: output };
      return takes(problem)
        ? winogradConv(e, [nameOf(tensor), ...inputs.slice(1)], problem)
        : direct.conv2d(e, node);
    },
    convTranspose2d: (e, node) => {
      const { attributes, inputs, shapes, output } = node;
      const { stride, padding } = attributes;
      const border = { mode: "zero", ...padding } as const;
      const problem = { stride, kernel: sides(shapes[1]!), border, x: output, y: shapes[0]! };
      return takes(problem) ? winogradInputGradient(e, inputs, problem) : direct.convTranspose2d(e, node);
    },
    // What reaches an image through its reflections and a convolution.
    reflectPadAdjoint: (e, node) => {
      const { attributes, output, tensors, nameOf } = node;
      const { op, attributes: convolution, inputs } = tensors[0]!.node;
      if (op !== "convTranspose2d" || !isNothing(convolution.padding))
        return direct.reflectPadAdjoint(e, node);
      const [dy, w] = inputs as [Tensor, Tensor];
      const border = { mode: "reflect", ...attributes } as const;
      const { stride } = convolution;
      const problem = { stride, kernel: sides(w.shape), border, x: output, y: dy.shape };
      return inputs.length === 2 && takes(problem)
        ? winogradInputGradient(e, inputs.map(nameOf), problem)
        : direct.reflectPadAdjoint(e, node);
    },
    convWeightGradient: (e, node) => {
      const { attributes, inputs, shapes, tensors, nameOf } = node;
      const { tensor, border } = imageOf(tensors[0]!, attributes.padding);
      const { stride, kernel } = attributes;
      const problem = { stride, kernel, border, x: tensor.shape, y: shapes[1]! };
      return takes(problem)
        ? winogradWeightGradient(e, [nameOf(tensor), inputs[1]!], problem)
        : direct.convWeightGradient(e, node);
    },
  };
}
