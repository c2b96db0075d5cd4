import { type Image, imageToTensor, tensorToImage } from "../data/image.js";
import { PixcycleError } from "../errors.js";
import type { FloatTensor } from "../formats/tensor.js";
import type { GeneratorArchitecture } from "../networks/infer.js";
import type { Network } from "../networks/registry.js";
import type { GeneratorRunner } from "../runtime/translator.js";
import { checkTranslationMemory, estimateTranslation } from "./memory.js";
import { cropPadding, paddedSize, padImage, type Size } from "./padding.js";
import { type ImageSource, type Preparation, prepareImage } from "./prepare.js";

/** What translates, and how; recorded with every result. */
export interface TranslatorInfo {
  /** A short name: that of the run or of the weight file. */
  readonly name: string;
  /** The file that the weights came from. */
  readonly weights: string;
  /** The network's name in its model: `net_G`, `net_G_A` or `net_G_B`. */
  readonly generator: string;
  readonly architecture: GeneratorArchitecture;
  /** Running statistics and no dropout; otherwise, as in training and in the reference's test, those of the image. */
  readonly evaluate: boolean;
  /** Whether dropout is on. */
  readonly dropout: boolean;
  readonly preparation: Preparation;
  /** The reference's names for the input and the output. */
  readonly inputName: "real_A" | "real_B";
  readonly outputName: "fake_B" | "fake_A";
}

export interface TranslateRequest {
  /** Bits of the result's samples; by default those of the input. */
  readonly depth?: 8 | 16;
}

/**
 * A trained generator and the one way from image to image: commands, servers and pages use this class. Made by
 * `loadTranslator`. Its thread lives until `close`.
 */
export class Translator {
  private readonly affordable = new Set<string>();

  constructor(
    readonly info: TranslatorInfo,
    private readonly network: Network,
    private readonly runner: GeneratorRunner,
  ) {}

  /**
   * Translates an image of any size to one of the same size (that of the prepared image, if `preprocess` changes it).
   * Pixels outside are mirrored where the generator needs a larger image.
   * @throws PixcycleError E_IMAGE_READ, E_IMAGE_SIZE, E_DATA_SIZE; E_MEMORY for an image that cannot fit; E_RUNTIME
   */
  async translate(source: ImageSource, { depth }: TranslateRequest = {}): Promise<Image> {
    const image = await this.prepare(source);
    const [result] = await this.translateTensors([imageToTensor(image)]);
    return tensorToImage(result!, depth ?? image.depth);
  }

  /**
   * The image as the generator sees it (`real_A`): its channels, its size.
   * @param name what messages call it
   * @throws PixcycleError as `translate`
   */
  async prepare(source: ImageSource, name?: string): Promise<Image> {
    const { architecture, preparation } = this.info;
    const image = await prepareImage(source, architecture.inputChannels, preparation, name);
    this.checkMemory(paddedSize(this.network, image), 1);
    return image;
  }

  /**
   * Whether images can share a run without changing each other's results: not where batch norms take their
   * statistics from the batch, or dropout draws one mask for it.
   */
  get batches(): boolean {
    const { evaluate, dropout, architecture } = this.info;
    return evaluate || (architecture.norm !== "batch" && !dropout);
  }

  /** The size that an image is padded to; images of one such size can share a run and a session. */
  paddedSize(size: Size): Size {
    return paddedSize(this.network, size);
  }

  /**
   * Translates tensors [C, H, W] in [−1, 1] of any sizes to tensors of the same sizes, in order; those padded to
   * the same size run as one batch if `batches`.
   * @throws PixcycleError E_SHAPE for other channels, E_MEMORY, E_RUNTIME
   */
  async translateTensors(images: readonly FloatTensor[]): Promise<FloatTensor[]> {
    const results = new Array<FloatTensor>(images.length);
    for (const { size, indices } of this.groups(images)) {
      const translated = await this.run(
        indices.map((index) => images[index]!),
        size,
      );
      for (const [position, index] of indices.entries()) results[index] = translated[position]!;
    }
    return results;
  }

  /** Ends the thread and frees the memory. */
  close(): Promise<void> {
    return this.runner.close();
  }

  private groups(images: readonly FloatTensor[]): Iterable<{ size: Size; indices: number[] }> {
    const groups = new Map<string, { size: Size; indices: number[] }>();
    for (const [index, image] of images.entries()) {
      const size = this.paddedSize(this.sizeOf(image));
      const key = this.batches ? `${size.width}×${size.height}` : String(index);
      const group = groups.get(key) ?? { size, indices: [] };
      group.indices.push(index);
      groups.set(key, group);
    }
    return groups.values();
  }

  private async run(images: readonly FloatTensor[], size: Size): Promise<FloatTensor[]> {
    this.checkMemory(size, images.length);
    const plane = size.width * size.height;
    const { inputChannels, outputChannels } = this.info.architecture;
    const data = new Float32Array(images.length * inputChannels * plane);
    for (const [i, image] of images.entries())
      data.set(padImage(image, size).data, i * inputChannels * plane);
    const shape = [images.length, inputChannels, size.height, size.width];
    const result = await this.runner.translate({ shape, data }, { evaluate: this.info.evaluate });
    const imageShape = [outputChannels, size.height, size.width];
    return images.map((image, i) => {
      const begin = i * outputChannels * plane;
      const translated = result.data.subarray(begin, begin + outputChannels * plane);
      return cropPadding({ shape: imageShape, data: translated }, this.sizeOf(image));
    });
  }

  private sizeOf({ shape }: FloatTensor): Size {
    const [channels, height, width] = shape as [number, number, number];
    const { inputChannels } = this.info.architecture;
    if (shape.length === 3 && channels === inputChannels && height > 0 && width > 0) return { width, height };
    throw new PixcycleError(
      "E_SHAPE",
      `The generator takes [${inputChannels}, H, W], got [${shape.join(", ")}].`,
    );
  }

  private checkMemory(size: Size, batch: number): void {
    const key = `${batch}×${size.width}×${size.height}`;
    if (this.affordable.has(key)) return;
    const mode = this.info.evaluate ? "eval" : "train";
    checkTranslationMemory(estimateTranslation(this.network, batch, size, mode), size);
    this.affordable.add(key);
  }
}
