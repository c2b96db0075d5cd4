import { PixcycleError } from "../errors.js";
import type { Graph, Tensor } from "../graph/graph.js";
import { input } from "../graph/language.js";
import { type Shape, sameShape, showShape } from "../graph/shape.js";
import type { Initial, StateSpec } from "./state.js";

/** Where a network is used: training normalises by batch statistics, evaluation by running ones, without dropout. */
export type Mode = "train" | "eval";

/** A mask that has to be fed for one dropout layer of one call: 0 with probability p, else 1 / (1 − p). */
export interface DropoutMask {
  readonly name: string;
  readonly shape: Shape;
  readonly probability: number;
}

/**
 * One network's tensors while a graph is built: parameters and buffers are graph inputs named
 * `<network>/<state-dict name>` unless a value was set, such as a parameter after an update in the same graph.
 * Layers ask for their tensors here, so that running a network once also tells its state dict.
 */
export class NetworkState {
  readonly specs = new Map<string, StateSpec>();
  readonly masks: DropoutMask[] = [];
  private readonly values = new Map<string, Tensor>();
  private readonly touchedBuffers = new Set<string>();
  private readonly passes = new Map<string, number>();
  private image = "";

  constructor(
    readonly graph: Graph,
    readonly network: string,
    readonly mode: Mode,
  ) {}

  /** Runs the network once; `image` names the pass, which tells its dropout masks from those of other passes. */
  call(image: string, forward: () => Tensor): Tensor {
    this.image = image;
    return this.graph.scope(this.network, forward);
  }

  parameter(name: string, shape: Shape, initial: Initial): Tensor {
    return this.tensor({ name, role: "parameter", shape, initial });
  }

  buffer(name: string, shape: Shape, value: number): Tensor {
    return this.tensor({ name, role: "buffer", shape, initial: { kind: "constant", value } });
  }

  /** Sets the value that a buffer has from now on. */
  updateBuffer(name: string, value: Tensor): void {
    this.values.set(name, value);
    this.touchedBuffers.add(name);
  }

  /** Counts one training pass; counters are kept outside the graph. */
  count(name: string): void {
    this.define({ name, role: "counter", shape: [], initial: { kind: "constant", value: 0 } });
    this.passes.set(name, (this.passes.get(name) ?? 0) + 1);
  }

  /** Sets the value that a parameter has from now on: an update inside the graph. */
  setParameter(name: string, value: Tensor): void {
    this.values.set(name, value);
  }

  /** The parameters used so far, by name, as they are now. */
  parameters(): Map<string, Tensor> {
    const trained = [...this.specs.values()].filter((spec) => spec.role === "parameter");
    return new Map(trained.map((spec) => [spec.name, this.tensor(spec)]));
  }

  /** The buffers that changed, by name. */
  updatedBuffers(): Map<string, Tensor> {
    return new Map([...this.touchedBuffers].map((name) => [name, this.values.get(name)!]));
  }

  /** How far each counter advances per run of the graph. */
  counterIncrements(): ReadonlyMap<string, number> {
    return new Map(this.passes);
  }

  /** Forgets buffer changes and counts: what follows starts from the stored state again. */
  startPhase(): void {
    for (const name of this.touchedBuffers) this.values.delete(name);
    this.touchedBuffers.clear();
    this.passes.clear();
  }

  /** The mask input of one dropout layer in the current call. */
  dropoutMask(layer: string, shape: Shape, probability: number): Tensor {
    const name = `dropout/${this.network}/${this.image}/${layer}`;
    this.masks.push({ name, shape, probability });
    return input(this.graph, name, shape);
  }

  private tensor(spec: StateSpec): Tensor {
    this.define(spec);
    return this.values.get(spec.name) ?? input(this.graph, `${this.network}/${spec.name}`, spec.shape);
  }

  private define(spec: StateSpec): void {
    const known = this.specs.get(spec.name);
    if (known && !sameShape(known.shape, spec.shape)) {
      const shapes = `${showShape(known.shape)} and ${showShape(spec.shape)}`;
      throw new PixcycleError("E_GRAPH", `${this.network}/${spec.name} is used with two shapes, ${shapes}.`);
    }
    if (!known) this.specs.set(spec.name, spec);
  }
}
