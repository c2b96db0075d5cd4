import type { TensorMap } from "../formats/tensor.js";
import { type Shape, sameShape, showShape } from "../graph/shape.js";
import type { StateSpec } from "../nn/state.js";

/**
 * What is wrong with a state dict for a network: tensors that are missing, unknown or misshapen, in words; nothing if
 * it fits. Files from before PyTorch 0.4.1 have no `num_batches_tracked`: it may be missing.
 */
export function stateDictProblems(specs: readonly StateSpec[], weights: TensorMap): string[] {
  const needed = specs.filter((spec) => spec.role !== "counter" || weights.has(spec.name));
  return tensorProblems(weights, new Map(needed.map((spec) => [spec.name, spec.shape])));
}

/** What is missing, unknown or misshapen among tensors, in words. */
export function tensorProblems(found: TensorMap, expected: ReadonlyMap<string, Shape>): string[] {
  const problems = [...expected.keys()]
    .filter((name) => !found.has(name))
    .map((name) => `${name} is missing`);
  for (const [name, { shape }] of found) {
    const wanted = expected.get(name);
    if (!wanted) problems.push(`${name} is unknown`);
    else if (!sameShape(wanted, shape))
      problems.push(`${name} is ${showShape(shape)} instead of ${showShape(wanted)}`);
  }
  return problems;
}

/** One network's weights, by state-dict name, out of a model's whole state (`ModelRunner.saveState`). */
export function networkWeights(state: TensorMap, network: string): TensorMap {
  const own = [...state].filter(([key]) => key.startsWith(`${network}/`));
  return new Map(own.map(([key, tensor]) => [key.slice(network.length + 1), tensor]));
}

/** The first three of a list, and how many more there are. */
export function some(items: readonly string[]): string {
  const more = items.length > 3 ? ` and ${items.length - 3} more` : "";
  return items.slice(0, 3).join(", ") + more;
}
