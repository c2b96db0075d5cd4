import { ImagePool, type PoolPlan } from "../data/pool.js";
import { PixcycleError } from "../errors.js";
import type { FloatTensor, TensorMap } from "../formats/tensor.js";
import { elements } from "../graph/shape.js";
import type { Part } from "../models/builder.js";
import { adamOptions, createModel, type Model } from "../models/model.js";
import { type BatchShape, optimizerInputs, type UniformDraw } from "../models/program.js";
import { adamScalars } from "../nn/adam.js";
import type { DropoutMask } from "../nn/forward.js";
import { dropoutMask } from "../nn/masks.js";
import type { ModelOptions } from "../options/schema.js";
import { RandomStream } from "../random/philox.js";
import { type Device, deviceOf } from "./device.js";
import { DeviceMemory } from "./device-memory.js";
import { HostMemory } from "./host-memory.js";
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
import { counterTensor, StateStore } from "./state-store.js";
import type { UpdateHelpers } from "./update-helpers.js";

/** What one run of a step's graph gave. */
interface RunResult extends StepResult {
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

  constructor(
    private readonly ort: OrtModule,
    private readonly options: ModelOptions,
    private readonly settings: SessionSettings,
    /** Starts threads that help with updates on the host; they are closed with the engine. */
    startHelpers?: () => Promise<UpdateHelpers>,
  ) {
    this.model = createModel(options);
    this.device = deviceOf(settings.device);
    const { target, updates } = this.device;
    this.lowering = {
      target,
      updates,
      conv: settings.conv ?? "auto",
      checkpointing: settings.checkpointing ?? false,
    };
    const memory = this.device.resident ? new DeviceMemory(ort, settings) : new HostMemory(startHelpers);
    this.state = new StateStore(memory, this.model, options, options.seed);
    for (const name of this.model.pools) this.pools.set(name, new ImagePool(options.pool_size));
    for (const name of Object.keys(this.model.optimizers)) this.updates.set(name, 0);
    this.steps = new SessionCache((entry) => entry.session.close());
    this.translations = new SessionCache((entry) => entry.session.close());
  }

  async step(batch: Batch, request: StepRequest): Promise<StepResult> {
    const { step, result } = await this.run(batch, "whole", request);
    for (const { name } of step.program.optimizers) this.updates.set(name, this.updates.get(name)! + 1);
    for (const { name } of step.hostOptimizers)
      await this.update(name, result.gradients, request.learningRate);
    this.stepCount++;
    const { losses, visuals, setup } = result;
    return { losses, visuals, ...(setup && { setup }) };
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
      this.updates.set(name, this.updates.get(name)! + 1);
      await this.update(name, gradients, learningRate);
    }
    if (phase === this.model.phases.length - 1) this.stepCount++;
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
        const { compiled, dropoutMasks } = compileTranslation(network, shape, mode, this.lowering);
        return { session: await GraphSession.create(this.ort, compiled, this.settings), masks: dropoutMasks };
      },
    );
    const feeds = new Map([["image", images]]);
    this.feedMasks(feeds, masks, undefined);
    return (await this.state.memory.run(session, { feeds, fetches: ["result"] })).get("result")!;
  }

  async saveState(): Promise<TensorMap> {
    const state = await this.state.save();
    for (const [name, pool] of this.pools)
      for (const [key, tensor] of pool.toState()) state.set(`${name}/${key}`, tensor);
    for (const [name, count] of this.updates) state.set(`optimizer_${name}/step`, counterTensor(count));
    state.set("step", counterTensor(this.stepCount));
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
    this.state.load(rest);
    this.stepCount = stepCount;
    for (const [name, count] of updates) this.updates.set(name, count);
    for (const [name, pool] of pools) this.pools.set(name, pool);
  }

  async loadNetwork(network: string, weights: TensorMap): Promise<void> {
    this.state.loadNetwork(network, weights);
  }

  async close(): Promise<void> {
    await this.state.memory.close();
    await this.steps.clear();
    await this.translations.clear();
  }

  /** One run of the step's graph; state that the graph rewrites is taken over, host optimisers are left to do. */
  private async run(
    batch: Batch,
    part: Part,
    request: StepRequest,
  ): Promise<{ step: CompiledStep; result: RunResult }> {
    const { step, session, gradients, setup } = await this.stepSession(batch, part);
    const { program, rewritten } = step;
    const feeds = new Map([
      ["real_A", batch.real_A],
      ["real_B", batch.real_B],
    ]);
    this.feedMasks(feeds, program.dropoutMasks, request.dropoutMasks);
    this.feedUniforms(feeds, program.uniforms, request.uniforms);
    for (const { name } of program.optimizers) this.feedOptimizer(feeds, name, request.learningRate);
    const plans = this.planPools(feeds, step, batch.real_A.shape[0]!);

    const outputs = await this.state.memory.run(session, {
      feeds,
      fetches: [
        ...[...program.losses.keys()].map(stepOutputs.loss),
        ...(request.visuals ? [...program.visuals.keys()].map(stepOutputs.visual) : []),
        ...[...plans.keys()].map(stepOutputs.pool),
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
        ...(setup && { setup }),
      },
    };
  }

  private async stepSession(batch: Batch, part: Part): Promise<StepSession & { setup?: StepSetup }> {
    const shape = batchShape(batch.real_A);
    this.checkBatch(batch, shape);
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

  private checkBatch({ real_A, real_B }: Batch, { batch, height, width }: BatchShape): void {
    const { input_nc, output_nc } = this.options;
    const expected = { real_A: [batch, input_nc, height, width], real_B: [batch, output_nc, height, width] };
    for (const [name, { shape, data }] of Object.entries({ real_A, real_B })) {
      const wanted = expected[name as keyof typeof expected];
      if (shape.join() !== wanted.join() || data.length !== elements(wanted)) {
        throw new PixcycleError(
          "E_SHAPE",
          `${name} is [${shape}] with ${data.length} numbers, expected [${wanted}].`,
        );
      }
    }
    for (const network of Object.values(this.model.generators)) {
      if (height % network.divisor !== 0 || width % network.divisor !== 0) {
        throw new PixcycleError(
          "E_SHAPE",
          `${this.options.netG} needs sides that are multiples of ${network.divisor}, got ${width}×${height}.`,
          {
            hint: "Choose another crop size or generator.",
          },
        );
      }
    }
    const smallest = Math.max(...this.model.networks.map((network) => network.minimumSize));
    if (Math.min(height, width) < smallest) {
      throw new PixcycleError(
        "E_SHAPE",
        `These networks need images of at least ${smallest} pixels, got ${width}×${height}.`,
        {
          hint: "Use larger crops, or fewer discriminator layers.",
        },
      );
    }
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
    feeds.set(optimizerInputs.stepSize(name), { shape: [], data: Float32Array.of(stepSize) });
    feeds.set(optimizerInputs.secondCorrection(name), { shape: [], data: Float32Array.of(secondCorrection) });
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

  /** Updates an optimiser's parameters; `gradients` may hold those of others too. */
  private async update(
    optimizer: string,
    gradients: ReadonlyMap<string, FloatTensor>,
    learningRate: number,
  ): Promise<void> {
    const adam = adamOptions(this.options);
    const keys = this.model.optimizers[optimizer]!.flatMap(({ name }) => this.state.parameterKeys(name));
    const own = keys.map((key) => {
      const gradient = gradients.get(key);
      if (!gradient) throw new PixcycleError("E_SHAPE", `The gradients have none for ${key}.`);
      return [key, gradient] as const;
    });
    await this.state.memory.update({
      ...{ optimizer, adam, gradients: new Map(own) },
      scalars: adamScalars(adam, learningRate, this.updates.get(optimizer)!),
    });
  }
}

function batchShape({ shape }: FloatTensor): BatchShape {
  const [batch, , height, width] = shape as [number, number, number, number];
  return { batch, height, width };
}
