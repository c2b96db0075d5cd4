import type { FloatTensor } from "../formats/tensor.js";
import type { Shape } from "../graph/shape.js";
import { optimizerInputs } from "../models/program.js";
import { adamUpdateInPlace } from "../nn/adam.js";
import type { StateMemory, UpdateRequest } from "./memory.js";
import type { GraphSession } from "./ort.js";
import { stepOutputs } from "./programs.js";

/** A tensor and, for one that a graph rewrites, a second array that receives the next value. */
interface Entry {
  readonly shape: Shape;
  data: Float32Array;
  spare?: Float32Array;
}

/** State in arrays. Runs read and write them without copying; updates happen in place. */
export class HostMemory implements StateMemory {
  private readonly entries = new Map<string, Entry>();

  write(key: string, { shape, data }: FloatTensor): void {
    this.entries.set(key, { shape, data });
  }

  async read(): Promise<Map<string, FloatTensor>> {
    return new Map([...this.entries].map(([key, { shape, data }]) => [key, { shape, data: data.slice() }]));
  }

  async run(
    session: GraphSession,
    feeds: ReadonlyMap<string, FloatTensor>,
    fetches: ReadonlyMap<string, Float32Array | undefined>,
    rewritten: readonly string[] = [],
  ): Promise<Map<string, FloatTensor>> {
    const inputs = new Map(feeds);
    for (const name of session.graph.inputs.keys()) {
      const entry = this.entries.get(name);
      if (entry) inputs.set(name, entry);
    }
    const targets = new Map(fetches);
    for (const key of rewritten) {
      const entry = this.entries.get(key)!;
      entry.spare ??= new Float32Array(entry.data.length);
      targets.set(stepOutputs.next(key), entry.spare);
    }
    const outputs = await session.run(inputs, targets);
    for (const key of rewritten) {
      const entry = this.entries.get(key)!;
      [entry.data, entry.spare] = [entry.spare!, entry.data];
    }
    return outputs;
  }

  async update({ optimizer, gradients, adam, scalars }: UpdateRequest): Promise<void> {
    const array = (key: string): Float32Array => this.entries.get(key)!.data;
    for (const [key, gradient] of gradients) {
      const state = {
        parameter: array(key),
        firstMoment: array(optimizerInputs.firstMoment(optimizer, key)),
        secondMoment: array(optimizerInputs.secondMoment(optimizer, key)),
      };
      adamUpdateInPlace(state, gradient.data, adam, scalars);
    }
  }

  async close(): Promise<void> {
    this.entries.clear();
  }
}
