import { PixcycleError } from "../../errors.js";
import { type Tensor, topologicalOrder } from "../graph.js";
import type { OpName } from "../ops.js";
import { elements } from "../shape.js";
import { elementwiseKernels } from "./elementwise.js";
import { movementKernels } from "./movement.js";
import { productKernels } from "./products.js";
import { reductionKernels } from "./reductions.js";
import type { Kernel } from "./value.js";

/** How every operation is computed, in one table. Inputs come from the feeds. */
const KERNELS: { readonly [K in Exclude<OpName, "input">]: Kernel<K> } = {
  ...elementwiseKernels,
  ...reductionKernels,
  ...movementKernels,
  ...productKernels,
  constant: ({ data }) => [Float64Array.from(data)],
};

type Feeds = ReadonlyMap<string, Float64Array | Float32Array>;

/**
 * Computes tensors in float64, simply and slowly: what gradients and other executors are checked against.
 * Feeds hold every needed input's elements by name, row-major; conditions come out as 0 and 1.
 * @throws PixcycleError `E_GRAPH` when an input is missing or has the wrong number of elements.
 */
export function interpret(outputs: readonly Tensor[], feeds: Feeds): Float64Array[] {
  const values = new Map<Tensor, Float64Array>();
  const computed = (tensor: Tensor): Float64Array => values.get(tensor)!;
  for (const node of topologicalOrder(outputs)) {
    const results =
      node.op === "input"
        ? [fed(feeds, node.attributes.name, elements(node.attributes.shape))]
        : (KERNELS[node.op] as Kernel<OpName>)(
            node.attributes,
            node.inputs.map((input) => ({ shape: input.shape, data: computed(input) })),
            node.outputs.map((output) => output.shape),
          );
    node.outputs.forEach((output, i) => {
      values.set(output, results[i]!);
    });
  }
  return outputs.map(computed);
}

function fed(feeds: Feeds, name: string, size: number): Float64Array {
  const data = feeds.get(name);
  if (!data) throw new PixcycleError("E_GRAPH", `Input ${name} is not fed.`);
  if (data.length !== size)
    throw new PixcycleError("E_GRAPH", `Input ${name} has ${size} elements, but ${data.length} were fed.`);
  return Float64Array.from(data);
}
