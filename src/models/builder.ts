import { gradients } from "../autodiff/gradients.js";
import { PixcycleError } from "../errors.js";
import { Graph, type Tensor } from "../graph/graph.js";
import {
  abs,
  add,
  constant,
  greater,
  input,
  matmul,
  mul,
  reciprocal,
  reduceSum,
  reshape,
  stopGradient,
} from "../graph/language.js";
import type { Network } from "../networks/registry.js";
import type { AdamOptions } from "../nn/adam.js";
import { NetworkState } from "../nn/forward.js";
import {
  LARGEST_GRADIENT_SUM,
  LOSS_SCALE,
  type OptimizerStep,
  type PoolUse,
  SCALAR,
  type StepProgram,
  type UniformDraw,
} from "./program.js";
import { updateInGraph } from "./update.js";

/** The whole step in one program, or one of its phases alone (the earlier ones having been applied already). */
export type Part = "whole" | { readonly phase: number };

/**
 * Which optimisers update the parameters inside the graph: those whose update the rest of the step sees, or all.
 * The others are left to who runs the graph. A part of a step has none.
 */
export type Updates = "visible" | "all";

type Statistics = Pick<StepProgram, "buffers" | "counters">;

/** What a model writes its training step with. */
export class StepBuilder {
  readonly graph = new Graph();
  private readonly states = new Map<string, NetworkState>();
  private readonly losses = new Map<string, Tensor>();
  private readonly visuals = new Map<string, Tensor>();
  private readonly optimizers: OptimizerStep[] = [];
  private readonly pools: PoolUse[] = [];
  private readonly uniforms: UniformDraw[] = [];
  private phase = 0;
  private statistics: Statistics | undefined;

  constructor(
    networks: readonly Network[],
    private readonly part: Part,
    private readonly adam: AdamOptions,
    private readonly updates: Updates = "visible",
    private readonly scaled = false,
  ) {
    for (const network of networks)
      this.states.set(network.name, new NetworkState(this.graph, network.name, "train"));
  }

  private get active(): boolean {
    return this.part === "whole" || this.part.phase === this.phase;
  }

  private state(network: Network): NetworkState {
    return this.states.get(network.name)!;
  }

  /** A training image batch, NCHW in [−1, 1]. */
  image(name: string, shape: readonly number[]): Tensor {
    return input(this.graph, name, shape);
  }

  /** Numbers in [0, 1), new ones in every step. */
  uniform(name: string, shape: readonly number[]): Tensor {
    if (this.active) this.uniforms.push({ name, shape });
    return input(this.graph, name, shape);
  }

  /** Runs a network; `pass` names the result, such as `fake_B`. */
  run(network: Network, x: Tensor, pass: string): Tensor {
    const state = this.state(network);
    return state.call(pass, () => network.forward(state, x));
  }

  /** Reports a scalar. */
  loss(name: string, value: Tensor): void {
    if (this.active) this.losses.set(name, value);
  }

  /** Reports images. */
  visual(name: string, images: Tensor): void {
    if (this.active) this.visuals.set(name, images);
  }

  /** What the discriminator sees of these fakes: some of them may come from the pool. No gradient passes. */
  pooled(name: string, fakes: Tensor, size: number): Tensor {
    const detached = stopGradient(fakes);
    if (size === 0) return detached;
    const [batch] = fakes.shape as [number];
    const mixInput = `${name}/mix`;
    const pooledInput = `${name}/pooled`;
    if (this.active) this.pools.push({ name, fakes, mixInput, pooledInput });
    const mix = input(this.graph, mixInput, [batch, batch]);
    const mixed = reshape(matmul(mix, reshape(detached, [batch, fakes.size / batch])), fakes.shape);
    return add(mixed, input(this.graph, pooledInput, fakes.shape));
  }

  /**
   * Minimises each loss over the parameters of its networks with one Adam. Networks run after this see the updated
   * parameters if `visible`; otherwise the update takes effect after the step. With a loss scale, nothing is updated where a
   * gradient is not finite.
   */
  optimize(
    name: string,
    objectives: readonly (readonly [loss: Tensor, networks: readonly Network[]])[],
    visible = false,
  ): void {
    const all = new Map<string, Tensor>();
    const updated = new Map<string, Tensor>();
    const trained: { network: Network; parameter: string; value: Tensor; gradient: Tensor }[] = [];
    for (const [loss, networks] of objectives) {
      const owned = networks.flatMap((network) =>
        [...this.state(network).parameters()].map(([parameter, value]) => ({ network, parameter, value })),
      );
      const found = this.gradients(
        loss,
        owned.map(({ value }) => value),
      );
      owned.forEach((own, i) => {
        const key = `${own.network.name}/${own.parameter}`;
        if (all.has(key)) throw new PixcycleError("E_GRAPH", `Optimizer ${name} has two losses for ${key}.`);
        all.set(key, found[i]!);
        trained.push({ ...own, gradient: found[i]! });
      });
    }
    const gradientSum = this.scaled ? absoluteSum([...all.values()]) : undefined;
    // Without the whole step in one graph the host applies the update before the next phase.
    if (this.part === "whole" && (visible || this.updates === "all")) {
      const finite = gradientSum && greater(LARGEST_GRADIENT_SUM, gradientSum);
      for (const { network, parameter, value, gradient } of trained) {
        const key = `${network.name}/${parameter}`;
        const next = updateInGraph(this.graph, name, key, value, gradient, this.adam, finite);
        for (const [state, tensor] of next) updated.set(state, tensor);
        if (visible) this.state(network).setParameter(parameter, next.get(key)!);
      }
    }
    if (this.active)
      this.optimizers.push({ name, gradients: all, updated, ...(gradientSum && { gradientSum }) });
  }

  /** A loss's gradients. Those in between are larger by the loss scale, so that float16 does not round them to zero. */
  private gradients(loss: Tensor, parameters: readonly Tensor[]): Tensor[] {
    if (!this.scaled) return gradients(loss, parameters);
    const scale = input(this.graph, LOSS_SCALE, SCALAR);
    return gradients(mul(loss, scale), parameters).map((gradient) => mul(gradient, reciprocal(scale)));
  }

  /**
   * What follows belongs to the next phase: when phases run apart, it starts after the updates so far. Running
   * statistics belong to the phase in which their network runs.
   */
  nextPhase(): void {
    if (this.part !== "whole" && this.active) this.statistics = this.collectStatistics();
    this.phase++;
    if (this.part !== "whole" && this.active) for (const state of this.states.values()) state.startPhase();
  }

  finish(): StepProgram {
    return {
      losses: this.losses,
      visuals: this.visuals,
      optimizers: this.optimizers,
      pools: this.pools,
      uniforms: this.uniforms,
      dropoutMasks: [...this.states.values()].flatMap((state) => state.masks),
      ...(this.statistics ?? this.collectStatistics()),
    };
  }

  private collectStatistics(): Statistics {
    const named = <T>(pick: (state: NetworkState) => ReadonlyMap<string, T>): Map<string, T> =>
      new Map(
        [...this.states].flatMap(([network, state]) =>
          [...pick(state)].map(([name, value]) => [`${network}/${name}`, value] as const),
        ),
      );
    return {
      buffers: named((state) => state.updatedBuffers()),
      counters: named((state) => state.counterIncrements()),
    };
  }

  /** A scalar zero, for losses that are switched off. */
  zero(): Tensor {
    return constant(this.graph, 0);
  }
}

/** Σ|x| of all elements of all tensors, a scalar. Each first along its first axis, so that many can add at once. */
const absoluteSum = (tensors: readonly Tensor[]): Tensor =>
  tensors
    .map((x) => reduceSum(abs(x), [...x.shape.keys()].slice(1)))
    .map((sums) => reshape(reduceSum(sums), SCALAR))
    .reduce(add);
