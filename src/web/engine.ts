import { colorizationCoding, sampleCoding } from "../data/coding.js";
import type { Image } from "../data/pixels.js";
import type { GeneratorFacts } from "../runtime/exported.js";
import { cropPadding, paddedSize, padImage } from "../translation/padding.js";
import { type Preparation, prepareImage } from "../translation/prepare.js";
import { readGenerator } from "./model.js";
import { type OpenSession, openSession, type RuntimeSettings, runtimeError } from "./runtime.js";

export interface EngineSettings extends RuntimeSettings {
  readonly evaluate: boolean;
}

/** What was loaded, and what it runs on. */
export interface LoadedGenerator extends GeneratorFacts, Pick<OpenSession, "device" | "threads"> {}

/** A generator in a web worker. */
export class WebEngine {
  private opened: { readonly facts: GeneratorFacts; readonly on: OpenSession } | undefined;

  /** @throws PixcycleError as `readGenerator` and `openSession` */
  async load(bytes: Uint8Array, name: string, settings: EngineSettings): Promise<LoadedGenerator> {
    const { onnx, facts } = await readGenerator(bytes, name, settings.evaluate);
    const on = await openSession(onnx, settings);
    this.opened = { facts, on };
    return { ...facts, device: on.device, threads: on.threads };
  }

  /**
   * From image to image as `Translator` does it in Node: sized, normalised, padded by mirroring, and back.
   * @throws PixcycleError E_IMAGE_READ for channels that cannot be converted, E_DATA_SIZE, E_MEMORY, E_RUNTIME
   */
  async translate(image: Image, preparation: Preparation): Promise<Image> {
    const { facts, on } = this.opened!;
    const coding = facts.metadata.dataset_mode === "colorization" ? colorizationCoding : sampleCoding(facts);
    const sized = prepareImage(image, coding.inputChannels, preparation, "The image");
    const { width, height } = paddedSize(facts, sized);
    const input = coding.encode(sized);
    const padded = padImage(input, { width, height });
    const data = await this.run(on, padded.data, [1, facts.inputChannels, height, width]);
    const result = cropPadding({ shape: [facts.outputChannels, height, width], data }, sized);
    return coding.decode(result, input, 8);
  }

  async close(): Promise<void> {
    await this.opened?.on.session.release();
  }

  private async run(
    { ort, session }: OpenSession,
    data: Float32Array,
    shape: number[],
  ): Promise<Float32Array> {
    try {
      const { result } = await session.run({ image: new ort.Tensor("float32", data, shape) });
      return (await result!.getData()) as Float32Array;
    } catch (cause) {
      throw runtimeError(`${shape[3]}×${shape[2]} pixels cannot be translated`, cause);
    }
  }
}
