import type { InferenceSession, Tensor } from "onnxruntime-common";
import { PixcycleError } from "../errors.js";
import type { FloatTensor } from "../formats/tensor.js";
import { elements } from "../graph/shape.js";
import type { CompiledGraph } from "../onnx/compile.js";
import type { LoweringSettings } from "../onnx/lowerings.js";
import { type Device, deviceOf } from "./device.js";

/** What pixcycle uses of ONNX Runtime; onnxruntime-node and onnxruntime-web both have it. */
export interface OrtModule {
  readonly InferenceSession: {
    /** @param fillsAll whether all runs give a tensor for every output that they fetch */
    create(
      model: Uint8Array,
      options?: InferenceSession.SessionOptions,
      fillsAll?: boolean,
    ): Promise<OrtSession>;
  };
  readonly Tensor: new (type: "float32", data: Float32Array, dims: readonly number[]) => Tensor;
}

/** What pixcycle uses of a session. */
export interface OrtSession {
  /** @param fetches the wanted outputs, each with the tensor that receives it, or null for a new one; all if left out */
  run(
    feeds: Readonly<Record<string, Tensor>>,
    fetches?: Readonly<Record<string, Tensor | null>>,
  ): Promise<Readonly<Record<string, Tensor>>>;
  release(): Promise<void>;
  endProfiling(): void;
}

export interface SessionSettings {
  /** Threads of one operator; 0 uses every core. */
  readonly threads: number;
  /** Where the model runs; default `auto`, the CPU. */
  readonly device?: Device["name"] | "auto";
  /** How convolutions are computed on the CPU; default `auto`. */
  readonly conv?: LoweringSettings["conv"];
  /** Whether a training step computes activations again instead of keeping them; default false. */
  readonly checkpointing?: boolean;
  /** Whether convolutions of a training step are computed in float16, with loss scaling; default false. */
  readonly fp16?: boolean;
  /**
   * Rewrites by ONNX Runtime when the session is made. They pay where the weights are constants; the graph of a training
   * step gains nothing from them and takes several times as long to load (measured).
   */
  readonly optimize?: boolean;
  /** Writes a profile with this file prefix when the session ends. */
  readonly profilePrefix?: string;
}

/** How a training step is computed, of all settings. */
export type StepComputation = Pick<SessionSettings, "conv" | "checkpointing" | "fp16">;

/** Those of the settings that say how a step is computed, where they are not the default. */
export function stepComputation({ conv, checkpointing, fp16 }: StepComputation): StepComputation {
  return { ...(conv && { conv }), ...(checkpointing && { checkpointing }), ...(fp16 && { fp16 }) };
}

/** An output that stayed in the device's memory. Whoever has it disposes of it, once. */
export class DeviceBuffer {
  private disposed = false;

  constructor(
    readonly tensor: Tensor,
    private readonly onDispose: () => Promise<void>,
  ) {}

  async dispose(): Promise<void> {
    if (this.disposed) throw new TypeError("A device buffer was disposed of twice.");
    this.disposed = true;
    this.tensor.dispose();
    await this.onDispose();
  }
}

/** A compiled graph in ONNX Runtime. Output names are those of the graph. */
export class GraphSession {
  /** Buffers that the session made and that are not disposed of yet. */
  private buffers = 0;
  private closed = false;

  private constructor(
    private readonly ort: OrtModule,
    readonly graph: CompiledGraph,
    private readonly session: OrtSession,
    /** Outputs that stay in the device's memory. */
    readonly kept: ReadonlySet<string>,
    /** Whether every output that is fetched is given an array. */
    private readonly fillsAll: boolean,
  ) {}

  /**
   * @param kept outputs that stay in the device's memory, where the device has one; see `runKeeping`
   * @throws PixcycleError E_DEVICE where the device is not there
   */
  static async create(
    ort: OrtModule,
    graph: CompiledGraph,
    settings: SessionSettings,
    kept: readonly string[] = [],
  ): Promise<GraphSession> {
    const device = deviceOf(settings.device);
    const resident = new Set(device.resident ? kept : []);
    // Models of constant weights answer with one image: not worth the copy of all weights that Node's module would make.
    const fillsAll = device.name === "cpu" && !settings.optimize;
    const sessionOptions: InferenceSession.SessionOptions = {
      // What `all` adds, ONNX Runtime's own layout of convolutions, takes 0.2 s and does not make them faster (measured).
      graphOptimizationLevel: settings.optimize ? "extended" : "disabled",
      // ONNX Runtime's plan of one block for all activations would come on top of what the first run has taken from the
      // arena: it nearly doubles the memory and is no faster (measured).
      enableMemPattern: false,
      ...(settings.threads > 0 && { intraOpNumThreads: settings.threads }),
      ...(settings.profilePrefix && { enableProfiling: true, profileFilePrefix: settings.profilePrefix }),
      ...(resident.size > 0 && { preferredOutputLocation: locations(graph, resident) }),
      extra: { session: { ...EXTRA, ...(device.resident && { disable_cpu_ep_fallback: "1" }) } },
    };
    const session = await openSession(ort, graph.bytes, device, sessionOptions, fillsAll);
    return new GraphSession(ort, graph, session, resident, fillsAll);
  }

  /** Wraps an array without copying it. */
  tensor({ data, shape }: FloatTensor): Tensor {
    return new this.ort.Tensor("float32", data, shape);
  }

  /**
   * Runs the graph. `fetches` names the wanted outputs; an array given for one is used for the result where it can be,
   * otherwise a new one is made.
   */
  async run(
    feeds: ReadonlyMap<string, FloatTensor | DeviceBuffer>,
    fetches: ReadonlyMap<string, Float32Array | undefined>,
  ): Promise<Map<string, FloatTensor>> {
    return (await this.runKeeping(feeds, fetches)).outputs;
  }

  /**
   * Likewise, and also returns all outputs that stay in the device's memory. A session that has such is asked for the same
   * others in every run: onnxruntime-node refuses fewer than in the last.
   */
  async runKeeping(
    feeds: ReadonlyMap<string, FloatTensor | DeviceBuffer>,
    fetches: ReadonlyMap<string, Float32Array | undefined>,
  ): Promise<{ outputs: Map<string, FloatTensor>; kept: Map<string, DeviceBuffer> }> {
    const inputs: Record<string, Tensor> = {};
    for (const [name, shape] of this.graph.inputs) {
      const feed = feeds.get(name);
      if (!feed) throw new TypeError(`Input ${name} was not fed.`);
      inputs[name] = feed instanceof DeviceBuffer ? feed.tensor : this.tensor({ data: feed.data, shape });
    }
    // With outputs on the device, onnxruntime-node leaves given arrays as they are.
    const reuses = this.kept.size === 0;
    const wanted: Record<string, Tensor | null> = {};
    const targets = new Map(fetches);
    for (const [name, given] of fetches) {
      const shape = this.graph.layouts.get(name)!;
      const target = given ?? (this.fillsAll ? new Float32Array(elements(shape)) : undefined);
      targets.set(name, target);
      wanted[onnxOutput(name)] = target && reuses ? this.tensor({ data: target, shape }) : null;
    }
    for (const name of this.kept) wanted[onnxOutput(name)] = null;
    const results = await this.session.run(inputs, wanted).catch((error: unknown) => {
      throw NO_HALF.test(String(error)) ? noHalf(error) : error;
    });
    const outputs = [...targets].map(([name, target]) => {
      const data = (reuses && target) || (results[onnxOutput(name)]!.data as Float32Array);
      return [name, { shape: this.graph.outputs.get(name)!, data }] as const;
    });
    const kept = [...this.kept].map((name) => [name, this.buffer(results[onnxOutput(name)]!)] as const);
    return { outputs: new Map(outputs), kept: new Map(kept) };
  }

  private buffer(tensor: Tensor): DeviceBuffer {
    this.buffers++;
    return new DeviceBuffer(tensor, async () => {
      this.buffers--;
      if (this.closed && this.buffers === 0) await this.session.release();
    });
  }

  /**
   * Frees the session; with a profile, ends it. ONNX Runtime frees a buffer through the session that made it, so that its
   * memory goes with the last of its buffers.
   */
  async close(): Promise<void> {
    this.session.endProfiling();
    this.closed = true;
    if (this.buffers === 0) await this.session.release();
  }
}

/**
 * Tiny moments and activations would otherwise run many times slower. After a run, ONNX Runtime's threads stop looking for
 * work: they would take cores from updates and loading.
 */
const EXTRA = { set_denormal_as_zero: "1", force_spinning_stop: "1" } as const;

const onnxOutput = (name: string): string => `out:${name}`;

/** Where each output goes. */
function locations(graph: CompiledGraph, kept: ReadonlySet<string>): Record<string, Tensor.DataLocation> {
  const all = [...graph.outputs.keys()].map(
    (name) => [onnxOutput(name), kept.has(name) ? "gpu-buffer" : "cpu"] as const,
  );
  return Object.fromEntries(all);
}

/**
 * Makes a session of any model on a device.
 * @param fillsAll whether all runs give a tensor for every output that they fetch
 * @throws PixcycleError E_DEVICE where the device is not there
 */
export async function openSession(
  ort: OrtModule,
  model: Uint8Array,
  device: Device,
  options: InferenceSession.SessionOptions,
  fillsAll = false,
): Promise<OrtSession> {
  try {
    const all = { executionProviders: [device.provider], logSeverityLevel: 3, ...options } as const;
    return await ort.InferenceSession.create(model, all, fillsAll);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (device.name === "cpu" || !NO_DEVICE.test(message)) throw error;
    throw new PixcycleError("E_DEVICE", `WebGPU finds nothing to run on: ${reasonOf(message)}.`, {
      hint: "Use --device cpu, or install the graphics card's Vulkan driver; pixcycle doctor shows what works.",
      cause: error,
    });
  }
}

const NO_DEVICE = /adapter|vulkan|WebGPU (device|instance)|unsupported: 'webgpu'|no available backend/i;

const NO_HALF = /requires f16 but the device does not support it/;

/** The error for an adapter without float16. */
export const noHalf = (cause?: unknown): PixcycleError =>
  new PixcycleError("E_DEVICE", "This graphics card or its driver has no float16 (WebGPU's shader-f16).", {
    hint: "Train without --fp16, or update the driver.",
    ...(cause !== undefined && { cause }),
  });

/** ONNX Runtime's message without the place in its source. */
const reasonOf = (message: string): string =>
  message
    .replace(/^\S+:\d+ .* was false\. /s, "")
    .trim()
    .split("\n")[0]!
    .replace(/\.$/, "");
