import type { Graph, Tensor } from "../graph/graph.js";
import { input, select } from "../graph/language.js";
import { type AdamOptions, adamUpdate } from "../nn/adam.js";
import { optimizerInputs, SCALAR } from "./program.js";

/**
 * One parameter's Adam update inside a graph, its moments and scalars being inputs.
 * @param key `<network>/<name>` of the parameter
 * @param applies a condition without which everything stays as it is
 * @returns the new parameter and its moments, by their names in the state
 */
export function updateInGraph(
  graph: Graph,
  optimizer: string,
  key: string,
  parameter: Tensor,
  gradient: Tensor,
  adam: AdamOptions,
  applies?: Tensor,
): Map<string, Tensor> {
  const { firstMoment, secondMoment, stepSize, secondCorrection } = optimizerInputs;
  const [m, v] = [firstMoment(optimizer, key), secondMoment(optimizer, key)];
  return graph.scopeAt(`optimizer_${optimizer}/${key}`, () => {
    const state = {
      parameter,
      firstMoment: input(graph, m, parameter.shape),
      secondMoment: input(graph, v, parameter.shape),
    };
    const next = adamUpdate(state, gradient, adam, {
      stepSize: input(graph, stepSize(optimizer), SCALAR),
      secondCorrection: input(graph, secondCorrection(optimizer), SCALAR),
    });
    const taken = (name: keyof typeof state): Tensor =>
      applies ? select(applies, next[name], state[name]) : next[name];
    return new Map([
      [key, taken("parameter")],
      [m, taken("firstMoment")],
      [v, taken("secondMoment")],
    ]);
  });
}
