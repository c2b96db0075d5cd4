import { elements, type Shape } from "../graph/shape.js";
import { executionOrder } from "./execution-order.js";
import type { OnnxInitializer, OnnxNode } from "./model.js";
import { inferSizes, type ValueSize } from "./shapes.js";

/** What is in memory at one moment of a run, of the values that the graph makes; inputs and outputs belong to who runs it. */
export interface MemoryPlan {
  /** Bytes at the worst moment. */
  readonly peakBytes: number;
  /** The node that runs then. */
  readonly peakNode: string;
  /** Bytes at that moment by the scope of the nodes that made them, largest first. */
  readonly peakByScope: ReadonlyMap<string, number>;
  /** The nodes in the order in which they run. */
  readonly moments: readonly Moment[];
  /** Bytes of constants. */
  readonly constantBytes: number;
}

/** While one node runs. */
export interface Moment {
  readonly node: string;
  /** Bytes in memory. */
  readonly bytes: number;
  /** Bytes of the node's outputs. */
  readonly made: number;
}

/** Which value is in memory when: each from the node that makes it to its last use. A reshaped value is the same memory. */
export function memoryPlan(
  nodes: readonly OnnxNode[],
  initializers: readonly OnnxInitializer[],
  inputs: ReadonlyMap<string, Shape>,
): MemoryPlan {
  const sizes = inferSizes(nodes, initializers, inputs);
  const order = executionOrder(nodes).map((i) => nodes[i]!);
  const owner = new Map<string, string>();
  const ownerOf = (name: string): string => owner.get(name) ?? name;
  const lastUse = new Map<string, number>();
  order.forEach((node, time) => {
    if (node.opType === "Reshape") owner.set(node.outputs[0]!, ownerOf(node.inputs[0]!));
    for (const name of [...node.inputs, ...node.outputs]) lastUse.set(ownerOf(name), time);
  });
  const alive = new Map<string, { readonly bytes: number; readonly scope: string }>();
  const ending: string[][] = order.map(() => []);
  for (const [name, time] of lastUse) ending[time]!.push(name);
  let [sum, peakBytes, peakTime] = [0, 0, 0];
  let peakAlive: [string, number][] = [];
  const moments = order.map((node, time) => {
    let made = 0;
    for (const name of node.outputs) {
      const { bytes } = sizes.get(name)!;
      made += bytes;
      if (owner.has(name) || name.startsWith("out:")) continue;
      alive.set(name, { bytes, scope: scopeOf(node.name) });
      sum += bytes;
    }
    const now = sum + workspace(node, sizes);
    if (now > peakBytes) {
      [peakBytes, peakTime] = [now, time];
      peakAlive = [...alive.values()].map(({ scope, bytes }) => [scope, bytes]);
    }
    for (const name of ending[time]!) {
      sum -= alive.get(name)?.bytes ?? 0;
      alive.delete(name);
    }
    return { node: node.name, bytes: now, made };
  });
  return {
    peakBytes,
    peakNode: order[peakTime]?.name ?? "",
    peakByScope: sums(peakAlive),
    moments,
    constantBytes: initializers.reduce((total, { data }) => total + data.byteLength, 0),
  };
}

/** The network, and whether its forward or its backward pass made it. */
const scopeOf = (name: string): string => {
  const parts = name.split("/");
  return parts.includes("gradient") ? `${parts[0]} gradient` : parts[0]!;
};

/** A transposed convolution is a product whose result, all columns of the output, is then summed up. */
function workspace({ opType, inputs }: OnnxNode, sizes: ReadonlyMap<string, ValueSize>): number {
  if (opType !== "ConvTranspose") return 0;
  const [x, w] = inputs.map((name) => sizes.get(name)!);
  const elementBytes = x!.bytes / elements(x!.shape);
  return elements(w!.shape.slice(1)) * elements(x!.shape.slice(2)) * elementBytes;
}

function sums(entries: readonly (readonly [string, number])[]): Map<string, number> {
  const totals = new Map<string, number>();
  for (const [key, value] of entries) totals.set(key, (totals.get(key) ?? 0) + value);
  return new Map([...totals].sort(([, a], [, b]) => b - a));
}
