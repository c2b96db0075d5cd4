import { PixcycleError } from "../errors.js";
import type { FloatTensor, TensorMap } from "../formats/tensor.js";
import { toFloatTensor } from "../formats/weights.js";
import { elements, type Shape } from "../graph/shape.js";
import type { Model } from "../models/model.js";
import { optimizerInputs } from "../models/program.js";
import { describeNetwork } from "../networks/registry.js";
import { some, stateDictProblems, tensorProblems } from "../networks/state-dict.js";
import { type InitOptions, initialValue } from "../nn/initialise.js";
import type { StateSpec } from "../nn/state.js";

/** One tensor on the host and, for one that a graph rewrites, a second array that receives the next value. */
interface Entry {
  readonly shape: Shape;
  data: Float32Array;
  spare?: Float32Array;
}

/** A training model's tensors and counters on the host, by the names that its graphs use. */
export class StateStore {
  /** Parameters, buffers and moments. */
  private readonly entries = new Map<string, Entry>();
  /** `num_batches_tracked` of every batch norm. */
  private readonly counters = new Map<string, number>();
  private readonly networks = new Map<string, readonly StateSpec[]>();

  constructor(model: Model, init: InitOptions, seed: number) {
    for (const network of model.networks) {
      const specs = describeNetwork(network);
      this.networks.set(network.name, specs);
      for (const spec of specs) {
        const key = `${network.name}/${spec.name}`;
        if (spec.role === "counter") this.counters.set(key, 0);
        else this.entries.set(key, { shape: spec.shape, data: initialValue(spec, key, init, seed) });
      }
    }
    for (const [optimizer, networks] of Object.entries(model.optimizers)) {
      for (const key of networks.flatMap((network) => this.parameterKeys(network.name))) {
        const { shape } = this.entries.get(key)!;
        for (const moment of [optimizerInputs.firstMoment, optimizerInputs.secondMoment]) {
          this.entries.set(moment(optimizer, key), { shape, data: new Float32Array(elements(shape)) });
        }
      }
    }
  }

  /** Names of the trained tensors of a network. */
  parameterKeys(network: string): string[] {
    const trained = this.networks.get(network)!.filter((spec) => spec.role === "parameter");
    return trained.map((spec) => `${network}/${spec.name}`);
  }

  /** The current value, which a run reads or an update changes in place. */
  get(key: string): FloatTensor {
    return this.entries.get(key)!;
  }

  has(key: string): boolean {
    return this.entries.has(key);
  }

  /** The array that a run may write the next value of `key` into; `swap` makes it the current one. */
  spare(key: string): Float32Array {
    const entry = this.entries.get(key)!;
    entry.spare ??= new Float32Array(entry.data.length);
    return entry.spare;
  }

  swap(key: string): void {
    const entry = this.entries.get(key)!;
    const previous = entry.data;
    entry.data = entry.spare!;
    entry.spare = previous;
  }

  count(key: string, increment: number): void {
    this.counters.set(key, this.counters.get(key)! + increment);
  }

  /** Copies of everything, as file tensors. */
  save(): TensorMap {
    const state: TensorMap = new Map();
    for (const [key, { shape, data }] of this.entries)
      state.set(key, { dtype: "F32", shape, data: data.slice() });
    for (const [key, value] of this.counters) state.set(key, counterTensor(value));
    return state;
  }

  /**
   * Takes tensors over, all or none.
   * @throws PixcycleError `E_CHECKPOINT_MISMATCH` naming the first tensors that are missing, unknown or misshapen.
   */
  load(
    state: TensorMap,
    wanted: readonly string[] = [...this.entries.keys(), ...this.counters.keys()],
  ): void {
    refuse(tensorProblems(state, new Map(wanted.map((key) => [key, this.entries.get(key)?.shape ?? []]))));
    for (const key of wanted) {
      const tensor = state.get(key)!;
      if (this.counters.has(key)) this.counters.set(key, Number(tensor.data[0]));
      else this.entries.get(key)!.data.set(toFloatTensor(tensor).data);
    }
  }

  /** Takes one network's state dict over; errors as for `load`. */
  loadNetwork(network: string, weights: TensorMap): void {
    const specs = this.networks.get(network);
    if (!specs) throw new PixcycleError("E_CHECKPOINT_MISMATCH", `The model has no network ${network}.`);
    checkNetworkWeights(specs, weights);
    this.load(
      new Map([...weights].map(([name, tensor]) => [`${network}/${name}`, tensor])),
      [...weights.keys()].map((name) => `${network}/${name}`),
    );
  }
}

/**
 * Checks a state dict against a network.
 * @throws PixcycleError `E_CHECKPOINT_MISMATCH` naming the first tensors that are missing, unknown or misshapen.
 */
export function checkNetworkWeights(specs: readonly StateSpec[], weights: TensorMap): void {
  refuse(stateDictProblems(specs, weights));
}

function refuse(problems: readonly string[]): void {
  if (problems.length === 0) return;
  throw new PixcycleError("E_CHECKPOINT_MISMATCH", `The weights do not fit the model: ${some(problems)}.`, {
    hint: "Use the network options that they were trained with.",
  });
}

/** A count as a file tensor: a scalar int64, as PyTorch writes `num_batches_tracked`. */
export const counterTensor = (value: number) =>
  ({ dtype: "I64", shape: [], data: BigInt64Array.of(BigInt(value)) }) as const;
