import type { InferenceSession, Tensor } from "onnxruntime-common";
import type { FloatTensor } from "../formats/tensor.js";
import type { CompiledGraph } from "../onnx/compile.js";

/** What pixcycle uses of ONNX Runtime; onnxruntime-node and onnxruntime-web both have it. */
export interface OrtModule {
  readonly InferenceSession: {
    create(model: Uint8Array, options?: InferenceSession.SessionOptions): Promise<InferenceSession>;
  };
  readonly Tensor: new (type: "float32", data: Float32Array, dims: readonly number[]) => Tensor;
}

export interface SessionSettings {
  /** Threads of one operator; 0 uses every core. */
  readonly threads: number;
  /**
   * Rewrites by ONNX Runtime when the session is made. They pay where the weights are constants; the graph of a training
   * step gains nothing from them and takes several times as long to load (measured).
   */
  readonly optimize?: boolean;
  /** Writes a profile with this file prefix when the session ends. */
  readonly profilePrefix?: string;
}

/** A compiled graph in ONNX Runtime. Output names are those of the graph. */
export class GraphSession {
  private constructor(
    private readonly ort: OrtModule,
    readonly graph: CompiledGraph,
    private readonly session: InferenceSession,
  ) {}

  static async create(
    ort: OrtModule,
    graph: CompiledGraph,
    settings: SessionSettings,
  ): Promise<GraphSession> {
    const session = await ort.InferenceSession.create(graph.bytes, {
      executionProviders: ["cpu"],
      graphOptimizationLevel: settings.optimize ? "all" : "disabled",
      logSeverityLevel: 3,
      ...(settings.threads > 0 && { intraOpNumThreads: settings.threads }),
      ...(settings.profilePrefix && { enableProfiling: true, profileFilePrefix: settings.profilePrefix }),
      // Tiny moments and activations would otherwise run many times slower.
      extra: { session: { set_denormal_as_zero: "1" } },
    });
    return new GraphSession(ort, graph, session);
  }

  /** Wraps an array without copying it. */
  tensor({ data, shape }: FloatTensor): Tensor {
    return new this.ort.Tensor("float32", data, shape);
  }

  /**
   * Runs the graph. `fetches` names the wanted outputs; an array given for one receives the result, otherwise a new one is
   * made.
   */
  async run(
    feeds: ReadonlyMap<string, FloatTensor>,
    fetches: ReadonlyMap<string, Float32Array | undefined>,
  ): Promise<Map<string, FloatTensor>> {
    const inputs: Record<string, Tensor> = {};
    for (const [name, shape] of this.graph.inputs) {
      const feed = feeds.get(name);
      if (!feed) throw new TypeError(`Input ${name} was not fed.`);
      inputs[name] = this.tensor({ data: feed.data, shape });
    }
    const wanted: Record<string, Tensor | null> = {};
    for (const [name, target] of fetches) {
      const shape = this.graph.outputs.get(name)!;
      wanted[`out:${name}`] = target ? this.tensor({ data: target, shape }) : null;
    }
    const results = await this.session.run(inputs, wanted);
    return new Map(
      [...fetches].map(([name, target]) => [
        name,
        {
          shape: this.graph.outputs.get(name)!,
          data: target ?? (results[`out:${name}`]!.data as Float32Array),
        },
      ]),
    );
  }

  /** Frees the session; with a profile, ends it. */
  async close(): Promise<void> {
    this.session.endProfiling();
    await this.session.release();
  }
}
