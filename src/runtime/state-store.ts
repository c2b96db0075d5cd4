import { PixcycleError } from "../errors.js";
import type { FloatTensor, TensorMap } from "../formats/tensor.js";
import { toFloatTensor } from "../formats/weights.js";
import type { Model } from "../models/model.js";
import { optimizerInputs } from "../models/program.js";
import { describeNetwork } from "../networks/registry.js";
import { some, stateDictProblems, tensorProblems } from "../networks/state-dict.js";
import type { InitialSpec, InitOptions } from "../nn/initialise.js";
import type { StateSpec } from "../nn/state.js";
import type { StateMemory } from "./memory.js";
import { type MakeValues, startingValues } from "./starting-values.js";

/**
 * A training model's tensors and counters, by the names that its graphs use. The tensors' values are in a memory, the
 * host's or a device's.
 */
export class StateStore {
  /** Parameters, buffers and moments. */
  private readonly tensors = new Map<string, InitialSpec>();
  /** `num_batches_tracked` of every batch norm. */
  private readonly counters = new Map<string, number>();
  private readonly networks = new Map<string, readonly StateSpec[]>();
  /** Whether the memory has values: those of a start, or of a whole loaded state. */
  private filled: Promise<StateMemory> | undefined;

  /** @param makeValues makes what the model starts with, when it is first asked for */
  constructor(
    private readonly memory: StateMemory,
    model: Model,
    private readonly init: InitOptions,
    private readonly seed: number,
    private readonly makeValues: MakeValues = async (wanted) => startingValues(wanted),
  ) {
    for (const network of model.networks) {
      const specs = describeNetwork(network);
      this.networks.set(network.name, specs);
      for (const spec of specs) {
        const key = `${network.name}/${spec.name}`;
        if (spec.role === "counter") this.counters.set(key, 0);
        else this.tensors.set(key, spec);
      }
    }
    for (const [optimizer, networks] of Object.entries(model.optimizers)) {
      for (const key of networks.flatMap((network) => this.parameterKeys(network.name))) {
        const { shape } = this.tensors.get(key)!;
        for (const moment of [optimizerInputs.firstMoment, optimizerInputs.secondMoment]) {
          this.tensors.set(moment(optimizer, key), { shape, initial: { kind: "constant", value: 0 } });
        }
      }
    }
  }

  /** Names of the trained tensors of a network. */
  parameterKeys(network: string): string[] {
    const trained = this.networks.get(network)!.filter((spec) => spec.role === "parameter");
    return trained.map((spec) => `${network}/${spec.name}`);
  }

  /** The memory with all values in it. The first call has them made, elsewhere if that was said. */
  ready(): Promise<StateMemory> {
    this.filled ??= this.fill();
    return this.filled;
  }

  private async fill(): Promise<StateMemory> {
    const { init_type, init_gain } = this.init;
    const tensors = [...this.tensors].map(([key, { shape, initial }]) => ({ key, shape, initial }));
    const values = await this.makeValues({ tensors, init: { init_type, init_gain }, seed: this.seed });
    for (const [i, { key, shape }] of tensors.entries()) this.memory.write(key, { shape, data: values[i]! });
    return this.memory;
  }

  close(): Promise<void> {
    return this.memory.close();
  }

  count(key: string, increment: number): void {
    this.counters.set(key, this.counters.get(key)! + increment);
  }

  /** Copies of everything, as file tensors. */
  async save(): Promise<TensorMap> {
    const state: TensorMap = new Map();
    const memory = await this.ready();
    for (const [key, { shape, data }] of await memory.read()) state.set(key, { dtype: "F32", shape, data });
    for (const [key, value] of this.counters) state.set(key, counterTensor(value));
    return state;
  }

  /**
   * Takes tensors over, all or none.
   * @throws PixcycleError `E_CHECKPOINT_MISMATCH` naming the first tensors that are missing, unknown or misshapen.
   */
  async load(state: TensorMap): Promise<void> {
    const wanted = [...this.tensors.keys(), ...this.counters.keys()];
    refuse(tensorProblems(state, new Map(wanted.map((key) => [key, this.tensors.get(key)?.shape ?? []]))));
    // Nothing would be left of a start.
    this.filled ??= Promise.resolve(this.memory);
    await this.take(new Map(wanted.map((key) => [key, state.get(key)!])));
  }

  private async take(state: TensorMap): Promise<void> {
    const memory = await this.ready();
    for (const [key, tensor] of state) {
      if (this.counters.has(key)) this.counters.set(key, Number(tensor.data[0]));
      else memory.write(key, copyOf(toFloatTensor(tensor)));
    }
  }

  /** Takes one network's state dict over; errors as for `load`. */
  async loadNetwork(network: string, weights: TensorMap): Promise<void> {
    const specs = this.networks.get(network);
    if (!specs) throw new PixcycleError("E_CHECKPOINT_MISMATCH", `The model has no network ${network}.`);
    checkNetworkWeights(specs, weights);
    await this.take(new Map([...weights].map(([name, tensor]) => [`${network}/${name}`, tensor])));
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
