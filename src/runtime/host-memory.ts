import type { FloatTensor } from "../formats/tensor.js";
import { elements, type Shape } from "../graph/shape.js";
import { optimizerInputs } from "../models/program.js";
import { adamUpdateInPlace } from "../nn/adam.js";
import type { RunRequest, StateMemory, UpdateRequest } from "./memory.js";
import type { GraphSession } from "./ort.js";
import { stepOutputs } from "./programs.js";
import { sharesOf, type UpdateHelpers, type UpdateTensors, worthSharing } from "./update-helpers.js";

/** A tensor and, for one that a graph rewrites, a second array that receives the next value. */
interface Entry {
  readonly shape: Shape;
  data: Float32Array;
  spare?: Float32Array;
}

/** State in arrays. Runs read and write them without copying; updates happen in place. */
export class HostMemory implements StateMemory {
  private readonly entries = new Map<string, Entry>();
  /** Arrays that receive gradients, by output; every run reuses them. */
  private readonly gradients = new Map<string, Float32Array>();
  private helpers: Promise<UpdateHelpers> | undefined;

  /**
   * @param startHelpers starts threads that take a share of large updates. It is called with the first run that ends in such: a session
   * may have changed how this thread, and those that it starts from then on, treat denormal numbers.
   */
  constructor(private readonly startHelpers?: () => Promise<UpdateHelpers>) {}

  write(key: string, { shape, data }: FloatTensor): void {
    this.entries.set(key, { shape, data });
  }

  async read(): Promise<Map<string, FloatTensor>> {
    return new Map([...this.entries].map(([key, { shape, data }]) => [key, { shape, data: data.slice() }]));
  }

  async run(
    session: GraphSession,
    { feeds, fetches, gradients = [], rewritten = [] }: RunRequest,
  ): Promise<Map<string, FloatTensor>> {
    const inputs = new Map(feeds);
    for (const name of session.graph.inputs.keys()) {
      const entry = this.entries.get(name);
      if (entry) inputs.set(name, entry);
    }
    const targets = new Map<string, Float32Array | undefined>(fetches.map((name) => [name, undefined]));
    for (const name of gradients) {
      const size = elements(session.graph.outputs.get(name)!);
      if (!this.gradients.has(name)) this.gradients.set(name, new Float32Array(size));
      targets.set(name, this.gradients.get(name));
    }
    for (const key of rewritten) {
      const entry = this.entries.get(key)!;
      entry.spare ??= new Float32Array(entry.data.length);
      targets.set(stepOutputs.next(key), entry.spare);
    }
    if (worthSharing([...this.gradients.values()].map(({ length }) => length)))
      this.helpers ??= this.startHelpers?.();
    const outputs = await session.run(inputs, targets);
    for (const key of rewritten) {
      const entry = this.entries.get(key)!;
      [entry.data, entry.spare] = [entry.spare!, entry.data];
    }
    return outputs;
  }

  async update({ optimizer, gradients, adam, scalars }: UpdateRequest): Promise<void> {
    const tensors = (key: string): UpdateTensors => ({
      parameter: this.entries.get(key)!.data,
      firstMoment: this.entries.get(optimizerInputs.firstMoment(optimizer, key))!.data,
      secondMoment: this.entries.get(optimizerInputs.secondMoment(optimizer, key))!.data,
      gradient: gradients.get(key)!.data,
    });
    const sizes = new Map([...gradients].map(([key, { data }]) => [key, data.length]));
    const helpers = await this.helpers;
    const [own, ...others] = sharesOf(sizes, 1 + (helpers?.count ?? 0));
    const sent = others.filter((keys) => keys.length > 0);
    const updates = sent.map((keys, i) =>
      helpers!.update(
        i,
        keys.map((key) => this.lend(key, tensors(key))),
        adam,
        scalars,
      ),
    );
    for (const { gradient, ...state } of own!.map(tensors)) adamUpdateInPlace(state, gradient, adam, scalars);
    for (const [i, updated] of (await Promise.all(updates)).entries())
      for (const [j, key] of sent[i]!.entries()) this.takeBack(optimizer, key, updated[j]!);
  }

  async close(): Promise<void> {
    this.entries.clear();
    this.gradients.clear();
    await (await this.helpers)?.close();
  }

  /** What a helper is given: only arrays of this memory change hands, a caller's gradient is copied. */
  private lend(key: string, tensors: UpdateTensors): UpdateTensors {
    const own = this.gradients.get(stepOutputs.gradient(key)) === tensors.gradient;
    return own ? tensors : { ...tensors, gradient: tensors.gradient.slice() };
  }

  private takeBack(optimizer: string, key: string, updated: UpdateTensors): void {
    this.entries.get(key)!.data = updated.parameter;
    this.entries.get(optimizerInputs.firstMoment(optimizer, key))!.data = updated.firstMoment;
    this.entries.get(optimizerInputs.secondMoment(optimizer, key))!.data = updated.secondMoment;
    if (this.gradients.has(stepOutputs.gradient(key)))
      this.gradients.set(stepOutputs.gradient(key), updated.gradient);
  }
}
