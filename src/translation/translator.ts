import { type Coding, colorizationCoding, sampleCoding } from "../data/coding.js";
import type { Image } from "../data/pixels.js";
import { splitColumn, splitPair } from "../data/samples.js";
import { PixcycleError } from "../errors.js";
import type { FloatTensor } from "../formats/tensor.js";
import type { GeneratorArchitecture } from "../networks/infer.js";
import type { Network } from "../networks/registry.js";
import type { DataOptions } from "../options/schema.js";
import type { GeneratorRunner } from "../runtime/translator.js";
import { checkTranslationMemory, estimateTranslation } from "./memory.js";
import { cropPadding, paddedSize, padImage, type Size } from "./padding.js";
import { type Preparation, preparedSize, prepareImage } from "./prepare.js";
import { type ImageSource, readImage } from "./source.js";

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
  /** Which way it translates, in terms of the data set's sides: AtoB where that is not known. */
  readonly direction: DataOptions["direction"];
  /** Images hold both sides of a pair, A on the left (`--dataset_mode aligned`): one is translated. */
  readonly pairs: boolean;
  /** It finds the colours of images (`--dataset_mode colorization`): from L* to a* and b*. */
  readonly colorization: boolean;
  /** The reference's names for the input and the output. */
  readonly inputName: "real_A" | "real_B";
  readonly outputName: "fake_B" | "fake_A";
}

/** How one result is wanted. */
export interface TranslateRequest {
  /** Bits of the result's samples; by default those of the input. */
  readonly depth?: 8 | 16;
}

/**
 * A trained generator and the one way from image to image: commands, servers and pages use this class. Made by
 * `loadTranslator`. Its thread lives until `close`, and with it the sessions of the last few sizes, each with copies of
 * the weights.
 */
export class Translator {
  /** How images become the generator's tensors, and its results images. */
  readonly coding: Coding;
  private readonly affordable = new Set<string>();

  constructor(
    readonly info: TranslatorInfo,
    private readonly network: Network,
    private readonly runner: GeneratorRunner,
  ) {
    this.coding = info.colorization ? colorizationCoding : sampleCoding(info.architecture);
  }

  /**
   * Translates an image of any size to one of the same size (that of the prepared image, if `preprocess` changes it).
   * Pixels outside are mirrored where the generator needs a larger image.
   * @throws PixcycleError E_IMAGE_READ, E_IMAGE_SIZE, E_DATA_SIZE; E_MEMORY for an image that cannot fit; E_RUNTIME
   */
  async translate(source: ImageSource, { depth }: TranslateRequest = {}): Promise<Image> {
    const { input: image } = await this.prepare(source);
    const input = this.coding.encode(image);
    const [result] = await this.translateTensors([input]);
    return this.coding.decode(result!, input, depth ?? image.depth);
  }

  /**
   * The image that becomes the generator's input (`coding.encode`): its channels, its size; of a pair side by side also
   * the other half (`real_B`).
   * @param name what messages call it
   * @throws PixcycleError as `translate`
   */
  async prepare(
    source: ImageSource,
    name = typeof source === "string" ? source : "The image",
  ): Promise<{ readonly input: Image; readonly truth?: Image }> {
    const { preparation, pairs, direction } = this.info;
    const { inputChannels, outputChannels } = this.coding;
    const image = await readImage(source, name);
    const [real, other] = pairs ? splitPair(image, direction, name) : [image];
    const input = prepareImage(real, inputChannels, preparation, name);
    this.checkMemory(paddedSize(this.network, input), 1);
    if (other === undefined) return { input };
    return { input, truth: prepareImage(other, outputChannels, preparation, name) };
  }

  /**
   * Whether images can share a run without changing each other's results: not where batch norms take their
   * statistics from the batch, or dropout draws one mask for it.
   */
  get batches(): boolean {
    const { evaluate, dropout, architecture } = this.info;
    return evaluate || (architecture.norm !== "batch" && !dropout);
  }

  /**
   * The size that the generator is run on for an image file of some size; images of one such size can share a run and
   * a session. Nothing is decoded.
   * @throws PixcycleError E_DATA_SIZE; E_MEMORY for an image that cannot fit
   */
  workingSize({ width, height }: Size, name: string): Size {
    const { pairs, direction, preparation } = this.info;
    const left = pairs ? splitColumn(width, name) : width;
    const size = { width: pairs && direction === "BtoA" ? width - left : left, height };
    const padded = paddedSize(this.network, preparedSize(preparation, size, name));
    this.checkMemory(padded, 1);
    return padded;
  }

  /**
   * Translates tensors [C, H, W] as `coding` makes them, mostly in [−1, 1], of any sizes to tensors of the same sizes, in order; up to `batch` of
   * those padded to the same size run at once, if `batches`.
   * @throws PixcycleError E_SHAPE for other channels, E_MEMORY, E_RUNTIME
   */
  async translateTensors(images: readonly FloatTensor[], batch = 8): Promise<FloatTensor[]> {
    const results = new Array<FloatTensor>(images.length);
    for (const { size, indices } of this.groups(images, this.batches ? batch : 1)) {
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

  /** Up to `most` images each that are padded to one size. */
  private groups(images: readonly FloatTensor[], most: number): { size: Size; indices: number[] }[] {
    const groups: { size: Size; indices: number[] }[] = [];
    for (const [index, image] of images.entries()) {
      const size = paddedSize(this.network, this.sizeOf(image));
      const open = groups.find(
        (group) =>
          group.indices.length < most && group.size.width === size.width && group.size.height === size.height,
      );
      if (open) open.indices.push(index);
      else groups.push({ size, indices: [index] });
    }
    return groups;
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
