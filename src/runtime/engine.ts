import { ImagePool, type PoolPlan } from "../data/pool.js";
import { PixcycleError } from "../errors.js";
import type { FloatTensor, TensorMap } from "../formats/tensor.js";
import { elements } from "../graph/shape.js";
import type { Part } from "../models/builder.js";
import { adamOptions, createModel, type Model } from "../models/model.js";
import { LOSS_SCALE, optimizerInputs, type UniformDraw } from "../models/program.js";
import { adamScalars } from "../nn/adam.js";
import type { DropoutMask } from "../nn/forward.js";
import { dropoutMask } from "../nn/masks.js";
import type { ModelOptions } from "../options/schema.js";
import { RandomStream } from "../random/philox.js";
import { batchShape, checkBatch } from "./batch-shape.js";
import { type Device, deviceOf } from "./device.js";
import { DeviceMemory } from "./device-memory.js";
import { HostMemory } from "./host-memory.js";
import { LOSS_SCALER_STATE, LossScaler } from "./loss-scaler.js";
import { GraphSession, type OrtModule, type SessionSettings } from "./ort.js";
import {
  type CompiledStep,
  compileStep,
  compileTranslation,
  type StepSettings,
  stepOutputs,
} from "./programs.js";
import type {
  Batch,
  InferRequest,
  ModelRunner,
  PhaseGradients,
  StepRequest,
  StepResult,
  StepSetup,
} from "./runner.js";
import { SessionCache } from "./session-cache.js";
import type { MakeValues } from "./starting-values.js";
import { counterTensor, StateStore } from "./state-store.js";
import type { UpdateHelpers } from "./update-helpers.js";

/** What one run of a step's graph gave. */
interface RunResult extends StepResult {
  /** By optimiser, with float16: see `OptimizerStep`. */
  readonly gradientSums: ReadonlyMap<string, number>;
  readonly gradients: ReadonlyMap<string, FloatTensor>;
}

interface StepSession {
  readonly step: CompiledStep;
  readonly session: GraphSession;
  /** Parameters whose updates the host does. */
  readonly gradients: readonly string[];
}

interface TranslationSession {
  readonly masks: readonly DropoutMask[];
  readonly session: GraphSession;
}

/** What other threads do for the engine's. */
export interface EngineThreads {
  /** Starts threads that help with updates on the host; they are closed with the engine. */
  readonly startHelpers?: () => Promise<UpdateHelpers>;
  /** Makes the values that the model starts with. */
  readonly makeValues?: MakeValues;
}

/** A model on ONNX Runtime, in the thread that it is made in: a step may block that thread. */
export class Engine implements ModelRunner {
  readonly model: Model;
  private readonly device: Device;
  private readonly lowering: StepSettings;
  private readonly state: StateStore;
  private readonly pools = new Map<string, ImagePool>();
  private readonly steps: SessionCache<StepSession>;
  private readonly translations: SessionCache<TranslationSession>;
  /** Updates done so far, by optimiser. */
  private readonly updates = new Map<string, number>();
  private stepCount = 0;
  private readonly scaler: LossScaler | undefined;

  constructor(
    private readonly ort: OrtModule,
    private readonly options: ModelOptions,
    private readonly settings: SessionSettings,
    { startHelpers, makeValues }: EngineThreads = {},
  ) {
    this.model = createModel(options);
    this.device = deviceOf(settings.device);
    const { target, updates } = this.device;
    this.lowering = {
      target,
      updates,
      conv: settings.conv ?? "auto",
      checkpointing: settings.checkpointing ?? false,
      fp16: settings.fp16 ?? false,
    };
    if (settings.fp16) this.scaler = new LossScaler();
    const memory = this.device.resident ? new DeviceMemory(ort, settings) : new HostMemory(startHelpers);
    this.state = new StateStore(memory, this.model, options, options.seed, makeValues);
    for (const name of this.model.pools) this.pools.set(name, new ImagePool(options.pool_size));
    for (const name of Object.keys(this.model.optimizers)) this.updates.set(name, 0);
    this.steps = new SessionCache((entry) => entry.session.close());
    this.translations = new SessionCache((entry) => entry.session.close());
  }

  async step(batch: Batch, request: StepRequest): Promise<StepResult> {
    const { step, result } = await this.run(batch, "whole", request);
    const accepted = step.program.optimizers
      .map(({ name }) => name)
      .filter((name) => this.scaler?.accepts(name, result.gradientSums.get(name)!) ?? true);
    for (const name of accepted) this.updates.set(name, this.updates.get(name)! + 1);
    for (const { name } of step.hostOptimizers)
      if (accepted.includes(name)) await this.update(name, result.gradients, request.learningRate);
    this.stepCount++;
    const scaling = this.scaler?.endStep();
    const { losses, visuals, setup } = result;
    return { losses, visuals, ...(setup && { setup }), ...(scaling && { scaling }) };
  }

  async gradients(
    batch: Batch,
    phase: number,
    request: Pick<StepRequest, "dropoutMasks" | "uniforms"> = {},
  ): Promise<PhaseGradients> {
    const { result } = await this.run(batch, { phase }, { ...request, learningRate: 0 });
    const copies = [...result.gradients].map(
      ([name, { shape, data }]) => [name, { shape, data: data.slice() }] as const,
    );
    return { losses: result.losses, gradients: new Map(copies) };
  }

  async apply(
    gradients: ReadonlyMap<string, FloatTensor>,
    phase: number,
    { learningRate }: Pick<StepRequest, "learningRate">,
  ): Promise<void> {
    for (const name of this.model.phases[phase]!) {
      const own = this.gradientsOf(name, gradients);
      if (this.scaler && !this.scaler.acceptsGradients(name, own)) continue;
      this.updates.set(name, this.updates.get(name)! + 1);
      await this.update(name, own, learningRate);
    }
    if (phase < this.model.phases.length - 1) return;
    this.scaler?.endStep();
    this.stepCount++;
  }

  async infer(
    generator: string,
    images: FloatTensor,
    { evaluate = false }: InferRequest = {},
  ): Promise<FloatTensor> {
    const network = this.model.networks.find(({ name }) => name === generator);
    if (!network)
      throw new PixcycleError("E_CHECKPOINT_MISMATCH", `The model has no generator ${generator}.`);
    const shape = batchShape(images);
    const mode = evaluate ? "eval" : "train";
    const { session, masks } = await this.translations.get(
      `${generator} ${mode} ${Object.values(shape)}`,
      async () => {
        const { compiled, dropoutMasks } = compileTranslation(network, shape, mode, {
          ...this.lowering,
          // Models are used in float32.
          fp16: false,
        });
        return { session: await GraphSession.create(this.ort, compiled, this.settings), masks: dropoutMasks };
      },
    );
    const feeds = new Map([["image", images]]);
    this.feedMasks(feeds, masks, undefined);
    const memory = await this.state.ready();
    return (await memory.run(session, { feeds, fetches: ["result"] })).get("result")!;
  }

  async saveState(): Promise<TensorMap> {
    const state = await this.state.save();
    for (const [name, pool] of this.pools)
      for (const [key, tensor] of pool.toState()) state.set(`${name}/${key}`, tensor);
    for (const [name, count] of this.updates) state.set(`optimizer_${name}/step`, counterTensor(count));
    state.set("step", counterTensor(this.stepCount));
    for (const [name, tensor] of this.scaler?.toState() ?? []) state.set(name, tensor);
    return state;
  }

  async loadState(state: TensorMap): Promise<void> {
    const rest = new Map(state);
    const take = (key: string): number => {
      const value = rest.get(key);
      if (!value) throw new PixcycleError("E_CHECKPOINT_MISMATCH", `The checkpoint has no ${key}.`);
      rest.delete(key);
      return Number(value.data[0]);
    };
    const stepCount = take("step");
    const updates = [...this.updates.keys()].map((name) => [name, take(`optimizer_${name}/step`)] as const);
    const pools = [...this.pools.keys()].map((name) => {
      const own = [...rest].filter(([key]) => key.startsWith(`${name}/`));
      for (const [key] of own) rest.delete(key);
      const images = new Map(own.map(([key, tensor]) => [key.slice(name.length + 1), tensor]));
      return [name, ImagePool.fromState(this.options.pool_size, images)] as const;
    });
    // A training may go on with float16, or without, however it began.
    for (const name of LOSS_SCALER_STATE) rest.delete(name);
    await this.state.load(rest);
    this.scaler?.load(state);
    this.stepCount = stepCount;
    for (const [name, count] of updates) this.updates.set(name, count);
    for (const [name, pool] of pools) this.pools.set(name, pool);
  }

  async loadNetwork(network: string, weights: TensorMap): Promise<void> {
    await this.state.loadNetwork(network, weights);
  }

  async close(): Promise<void> {
    await this.state.close();
    await this.steps.clear();
    await this.translations.clear();
  }

  /** One run of the step's graph; state that the graph rewrites is taken over, host optimisers are left to do. */
  private async run(
    batch: Batch,
    part: Part,
    request: StepRequest,
  ): Promise<{ step: CompiledStep; result: RunResult }> {
    // Other threads may make the first values while this one writes and loads the graph.
    const filling = this.state.ready();
    const [prepared, memory] = await Promise.all([this.stepSession(batch, part), filling]);
    const { step, session, gradients, setup } = prepared;
    const { program, rewritten } = step;
    const feeds = new Map([
      ["real_A", batch.real_A],
      ["real_B", batch.real_B],
    ]);
    this.feedMasks(feeds, program.dropoutMasks, request.dropoutMasks);
    this.feedUniforms(feeds, program.uniforms, request.uniforms);
    for (const { name } of program.optimizers) this.feedOptimizer(feeds, name, request.learningRate);
    if (this.scaler) feeds.set(LOSS_SCALE, scalar(this.scaler.lossScale));
    const sums = program.optimizers.flatMap(({ name, gradientSum }) => (gradientSum ? [name] : []));
    const plans = this.planPools(feeds, step, batch.real_A.shape[0]!);

    const outputs = await memory.run(session, {
      feeds,
      fetches: [
        ...[...program.losses.keys()].map(stepOutputs.loss),
        ...(request.visuals ? [...program.visuals.keys()].map(stepOutputs.visual) : []),
        ...[...plans.keys()].map(stepOutputs.pool),
        ...sums.map(stepOutputs.gradientSum),
      ],
      gradients: gradients.map(stepOutputs.gradient),
      rewritten,
    });

    for (const [key, increment] of program.counters) this.state.count(key, increment);
    for (const [name, plan] of plans)
      this.pools.get(name)!.commit(plan, outputs.get(stepOutputs.pool(name))!);
    const visuals = [...program.visuals.keys()].flatMap((name) => {
      const images = outputs.get(stepOutputs.visual(name));
      return images ? [[name, images] as const] : [];
    });
    const losses = [...program.losses.keys()].map(
      (name) => [name, outputs.get(stepOutputs.loss(name))!.data[0]!] as const,
    );
    const found = gradients.map((name) => [name, outputs.get(stepOutputs.gradient(name))!] as const);
    return {
      step,
      result: {
        losses: Object.fromEntries(losses),
        visuals: Object.fromEntries(visuals),
        gradients: new Map(found),
        gradientSums: new Map(
          sums.map((name) => [name, outputs.get(stepOutputs.gradientSum(name))!.data[0]!]),
        ),
        ...(setup && { setup }),
      },
    };
  }

  private async stepSession(batch: Batch, part: Part): Promise<StepSession & { setup?: StepSetup }> {
    const shape = batchShape(batch.real_A);
    checkBatch(batch, this.model, this.options);
    const key = `${part === "whole" ? part : part.phase} ${Object.values(shape)}`;
    let setup: StepSetup | undefined;
    const found = await this.steps.get(key, async () => {
      const began = performance.now();
      const step = compileStep(this.model, this.options, shape, part, this.lowering);
      // Images are rarely asked for: until then they need not leave the device.
      const kept = [
        ...step.rewritten.map(stepOutputs.next),
        ...[...step.program.visuals.keys()].map(stepOutputs.visual),
      ];
      const written = performance.now();
      const session = await GraphSession.create(this.ort, step.compiled, this.settings, kept);
      setup = {
        nodes: step.compiled.nodeCount,
        graphSeconds: (written - began) / 1000,
        sessionSeconds: (performance.now() - written) / 1000,
      };
      const gradients = step.hostOptimizers.flatMap((optimizer) => [...optimizer.gradients.keys()]);
      return { step, session, gradients };
    });
    return { ...found, ...(setup && { setup }) };
  }

  private feedMasks(
    feeds: Map<string, FloatTensor>,
    masks: readonly DropoutMask[],
    given: ReadonlyMap<string, Float32Array> | undefined,
  ): void {
    for (const { name, shape, probability } of masks) {
      feeds.set(name, {
        shape,
        data: given?.get(name) ?? dropoutMask(elements(shape), probability, this.stream(name)),
      });
    }
  }

  private feedUniforms(
    feeds: Map<string, FloatTensor>,
    draws: readonly UniformDraw[],
    given: ReadonlyMap<string, Float32Array> | undefined,
  ): void {
    for (const { name, shape } of draws) {
      const data = given?.get(name) ?? new Float32Array(elements(shape));
      if (!given?.has(name)) this.stream(name).fillUniform(data);
      feeds.set(name, { shape, data });
    }
  }

  private feedOptimizer(feeds: Map<string, FloatTensor>, name: string, learningRate: number): void {
    const { stepSize, secondCorrection } = adamScalars(
      adamOptions(this.options),
      learningRate,
      this.updates.get(name)! + 1,
    );
    feeds.set(optimizerInputs.stepSize(name), scalar(stepSize));
    feeds.set(optimizerInputs.secondCorrection(name), scalar(secondCorrection));
  }

  private planPools(
    feeds: Map<string, FloatTensor>,
    { program }: CompiledStep,
    batch: number,
  ): Map<string, PoolPlan> {
    const plans = new Map<string, PoolPlan>();
    for (const { name, fakes, mixInput, pooledInput } of program.pools) {
      const plan = this.pools.get(name)!.plan(fakes.shape, this.stream(name));
      feeds
        .set(mixInput, { shape: [batch, batch], data: plan.mix })
        .set(pooledInput, { shape: fakes.shape, data: plan.pooled });
      plans.set(name, plan);
    }
    return plans;
  }

  /** Random numbers of this step; name and step decide them, so that a resumed run draws the same. */
  private stream(name: string): RandomStream {
    return new RandomStream(this.options.seed, name, this.stepCount);
  }

  /** Of the gradients those of an optimiser's parameters, all of them. */
  private gradientsOf(
    optimizer: string,
    gradients: ReadonlyMap<string, FloatTensor>,
  ): Map<string, FloatTensor> {
    const keys = this.model.optimizers[optimizer]!.flatMap(({ name }) => this.state.parameterKeys(name));
    const own = keys.map((key) => {
      const gradient = gradients.get(key);
      if (!gradient) throw new PixcycleError("E_SHAPE", `The gradients have none for ${key}.`);
      return [key, gradient] as const;
    });
    return new Map(own);
  }

  /** Updates an optimiser's parameters; `gradients` may hold those of others too. */
  private async update(
    optimizer: string,
    gradients: ReadonlyMap<string, FloatTensor>,
    learningRate: number,
  ): Promise<void> {
    const adam = adamOptions(this.options);
    const memory = await this.state.ready();
    await memory.update({
      ...{ optimizer, adam, gradients: this.gradientsOf(optimizer, gradients) },
      scalars: adamScalars(adam, learningRate, this.updates.get(optimizer)!),
    });
  }
}

const scalar = (value: number): FloatTensor => ({ shape: [], data: Float32Array.of(value) });
