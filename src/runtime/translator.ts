import type { FloatTensor, TensorMap } from "../formats/tensor.js";
import { toFloatTensor } from "../formats/weights.js";
import { elements } from "../graph/shape.js";
import { describeNetwork, type GeneratorOptions, generator, type Network } from "../networks/registry.js";
import type { DropoutMask } from "../nn/forward.js";
import { dropoutMask } from "../nn/masks.js";
import { RandomStream } from "../random/philox.js";
import { deviceOf } from "./device.js";
import { GraphSession, type OrtModule, type SessionSettings } from "./ort.js";
import { compileTranslation } from "./programs.js";
import type { InferRequest } from "./runner.js";
import { SessionCache } from "./session-cache.js";
import { checkNetworkWeights } from "./state-store.js";

/** A generator to translate with: what it is and what it has learned. */
export interface GeneratorSetup {
  readonly options: GeneratorOptions;
  /** Channels of the images that go in and come out. */
  readonly inputChannels: number;
  readonly outputChannels: number;
  /** By state-dict name. */
  readonly weights: TensorMap;
  /** Decides the dropout masks, where dropout stays on. */
  readonly seed?: number;
}

/** A trained generator on a device. */
export interface GeneratorRunner {
  /**
   * Translates [N, C, H, W] in [−1, 1] to [N, C′, H, W] in (−1, 1); height and width must be multiples of the
   * generator's divisor.
   */
  translate(images: FloatTensor, request?: InferRequest): Promise<FloatTensor>;
  close(): Promise<void>;
}

interface Entry {
  readonly session: GraphSession;
  readonly masks: readonly DropoutMask[];
}

/** Each holds copies of the weights. Two do for a size that changes now and then, and for both modes of one size. */
const KEPT_SESSIONS = 2;

/** A generator on ONNX Runtime, its weights constants of the graph; one session per image shape, the last ones kept. */
export class GeneratorEngine implements GeneratorRunner {
  private readonly network: Network;
  private readonly weights: ReadonlyMap<string, Float32Array>;
  private readonly sessions = new SessionCache<Entry>((entry) => entry.session.close(), KEPT_SESSIONS);

  constructor(
    private readonly ort: OrtModule,
    private readonly setup: GeneratorSetup,
    private readonly settings: SessionSettings,
  ) {
    this.network = generator("net_G", setup.options, setup.inputChannels, setup.outputChannels);
    checkNetworkWeights(describeNetwork(this.network), setup.weights);
    this.weights = new Map([...setup.weights].map(([name, tensor]) => [name, toFloatTensor(tensor).data]));
  }

  async translate(images: FloatTensor, { evaluate = false }: InferRequest = {}): Promise<FloatTensor> {
    const [batch, , height, width] = images.shape as [number, number, number, number];
    const mode = evaluate ? "eval" : "train";
    const { session, masks } = await this.sessions.get(`${mode} ${images.shape}`, async () => {
      const { compiled, dropoutMasks } = compileTranslation(this.network, { batch, height, width }, mode, {
        target: deviceOf(this.settings.device).target,
        conv: this.settings.conv ?? "auto",
        weights: this.weights,
      });
      return {
        session: await GraphSession.create(this.ort, compiled, { ...this.settings, optimize: true }),
        masks: dropoutMasks,
      };
    });
    const feeds = new Map([["image", images]]);
    for (const { name, shape, probability } of masks) {
      const random = new RandomStream(this.setup.seed ?? 0, name);
      feeds.set(name, { shape, data: dropoutMask(elements(shape), probability, random) });
    }
    return (await session.run(feeds, new Map([["result", undefined]]))).get("result")!;
  }

  close(): Promise<void> {
    return this.sessions.clear();
  }
}
