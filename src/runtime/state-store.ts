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
import type { StateMemory } from "./memory.js";

/**
 * A training model's tensors and counters, by the names that its graphs use. The tensors' values are in a memory, the
 * host's or a device's.
 */
export class StateStore {
  /** Of parameters, buffers and moments. */
  private readonly shapes = new Map<string, Shape>();
  /** `num_batches_tracked` of every batch norm. */
  private readonly counters = new Map<string, number>();
  private readonly networks = new Map<string, readonly StateSpec[]>();

  constructor(
    readonly memory: StateMemory,
    model: Model,
    init: InitOptions,
    seed: number,
  ) {
    for (const network of model.networks) {
      const specs = describeNetwork(network);
      this.networks.set(network.name, specs);
      for (const spec of specs) {
        const key = `${network.name}/${spec.name}`;
        if (spec.role === "counter") this.counters.set(key, 0);
        else this.define(key, { shape: spec.shape, data: initialValue(spec, key, init, seed) });
      }
    }
    for (const [optimizer, networks] of Object.entries(model.optimizers)) {
      for (const key of networks.flatMap((network) => this.parameterKeys(network.name))) {
        const shape = this.shapes.get(key)!;
        for (const moment of [optimizerInputs.firstMoment, optimizerInputs.secondMoment]) {
          this.define(moment(optimizer, key), { shape, data: new Float32Array(elements(shape)) });
        }
      }
    }
  }

  /** Names of the trained tensors of a network. */
  parameterKeys(network: string): string[] {
    const trained = this.networks.get(network)!.filter((spec) => spec.role === "parameter");
    return trained.map((spec) => `${network}/${spec.name}`);
  }

  private define(key: string, value: FloatTensor): void {
    this.shapes.set(key, value.shape);
    this.memory.write(key, value);
  }

  count(key: string, increment: number): void {
    this.counters.set(key, this.counters.get(key)! + increment);
  }

  /** Copies of everything, as file tensors. */
  async save(): Promise<TensorMap> {
    const state: TensorMap = new Map();
    for (const [key, { shape, data }] of await this.memory.read())
      state.set(key, { dtype: "F32", shape, data });
    for (const [key, value] of this.counters) state.set(key, counterTensor(value));
    return state;
  }

  /**
   * Takes tensors over, all or none.
   * @throws PixcycleError `E_CHECKPOINT_MISMATCH` naming the first tensors that are missing, unknown or misshapen.
   */
  load(state: TensorMap, wanted: readonly string[] = [...this.shapes.keys(), ...this.counters.keys()]): void {
    refuse(tensorProblems(state, new Map(wanted.map((key) => [key, this.shapes.get(key) ?? []]))));
    for (const key of wanted) {
      const tensor = state.get(key)!;
      if (this.counters.has(key)) this.counters.set(key, Number(tensor.data[0]));
      else this.memory.write(key, copyOf(toFloatTensor(tensor)));
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

/** The memory keeps what it is given, and updates it. */
const copyOf = ({ shape, data }: FloatTensor): FloatTensor => ({ shape, data: data.slice() });

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
