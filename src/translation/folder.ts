import { access } from "node:fs/promises";
import { join } from "node:path";
import { encodeImage, type ImageFormat, readImageHeader } from "../data/image.js";
import { type Image, imageToTensor, tensorToImage } from "../data/pixels.js";
import { PixcycleError } from "../errors.js";
import { fileWriteError, writeFileAtomic } from "../formats/atomic.js";
import { makeFolder } from "../formats/make-folder.js";
import type { FloatTensor } from "../formats/tensor.js";
import type { GeneratorArchitecture } from "../networks/infer.js";
import { type InputImage, listInputs } from "./inputs.js";
import { resultsPage } from "./page.js";
import type { Preparation } from "./prepare.js";
import type { Translator, TranslatorInfo } from "./translator.js";

/** One image's results: file names in the output folder, by the reference's names (`real_A`, `fake_B`, `rec_A`). */
export interface TranslatedImage {
  readonly input: string;
  readonly width: number;
  readonly height: number;
  readonly images: Readonly<Record<string, string>>;
}

/** What was translated, how, and what could not be; `results.json` holds this. */
export interface TranslationRecord {
  readonly model: Pick<
    TranslatorInfo,
    "name" | "weights" | "generator" | "direction" | "evaluate" | "dropout" | "colorization"
  > &
    Omit<GeneratorArchitecture, "kind" | "dropout"> &
    Preparation;
  readonly results: readonly TranslatedImage[];
  /** Images that could not be read, or their results not be written in the format, each with its coded line. */
  readonly failures: readonly { readonly input: string; readonly error: string }[];
  /** Images that were not translated, because the work was stopped or failed. */
  readonly skipped: number;
  /** What the work failed of before its end, as a line. */
  readonly error?: string;
}

/** Where the results of a translation go, and in which form. */
export interface TranslateFilesOptions {
  /** The folder for the results; it is made. */
  readonly out: string;
  /** By default PNG, and TIFF for more than four channels. */
  readonly format?: ImageFormat;
  /** Bits of the samples; by default those of each input. */
  readonly depth?: 8 | 16;
  /** Images that run at once, where they do not change each other's results (`Translator.batches`); default 1. */
  readonly batch?: number;
  /** Replace earlier results in the folder. */
  readonly overwrite?: boolean;
  /** Translates back, for `rec_A`: the other generator of a CycleGAN. */
  readonly inverse?: Translator;
  /** Called after every image, in the order in which they are done. */
  readonly onImage?: (done: number, total: number, input: string, error?: PixcycleError) => void;
  /** Stops between two batches; what is done stays, and is listed. */
  readonly signal?: AbortSignal;
}

const ENDINGS: Readonly<Record<ImageFormat, string>> = { png: "png", jpeg: "jpg", webp: "webp", tiff: "tif" };

/**
 * Translates files and folders of images into a folder: for `photo.png` it writes `photo_real_A.png` (the image as
 * the generator sees it) and `photo_fake_B.png`, also `photo_real_B.png` of pairs side by side, and for all of them
 * `index.html` and `results.json`. Images that cannot be read are listed, and the others are done; an error that ends
 * the work leaves the lists of what was done before it.
 * @throws PixcycleError E_DATA_MISSING, E_DATA_EMPTY; E_OPTION_CONFLICT for results that exist; E_FILE_WRITE; E_RUNTIME
 */
export async function translateFiles(
  translator: Translator,
  paths: readonly string[],
  options: TranslateFilesOptions,
): Promise<TranslationRecord> {
  const inputs = await listInputs(paths);
  const work = new FolderTranslation(translator, options, inputs);
  await work.checkOutput();
  try {
    await work.run();
  } catch (error) {
    // The error is the news, also where the list cannot be written either.
    await work.finishAfter(error).catch(() => undefined);
    throw error;
  }
  return work.finish();
}

interface Loaded {
  readonly input: InputImage;
  readonly depth: 8 | 16;
  readonly tensor: FloatTensor;
  readonly truth: Image | undefined;
}

class FolderTranslation {
  private readonly done = new Map<InputImage, TranslatedImage>();
  private readonly failed = new Map<InputImage, PixcycleError>();

  constructor(
    private readonly translator: Translator,
    private readonly options: TranslateFilesOptions,
    private readonly inputs: readonly InputImage[],
  ) {}

  /** Makes the folder; earlier results are overwritten only knowingly. */
  async checkOutput(): Promise<void> {
    const { out, overwrite = false } = this.options;
    try {
      await makeFolder(out);
    } catch (cause) {
      throw fileWriteError(out, cause);
    }
    if (overwrite) return;
    const { inputName, outputName } = this.translator.info;
    const names = this.inputs.flatMap(({ stem }) =>
      [inputName, outputName, this.truthName, this.reconstructionName].map((label) =>
        this.fileName(stem, label),
      ),
    );
    for (const name of ["index.html", "results.json", ...names]) {
      const path = join(out, name);
      const exists = await access(path).then(
        () => true,
        () => false,
      );
      if (exists) {
        throw new PixcycleError("E_OPTION_CONFLICT", `${path} exists.`, {
          hint: "Choose another --out, or replace earlier results with --overwrite.",
        });
      }
    }
  }

  async run(): Promise<void> {
    const batches = await this.plan();
    // The next images are decoded while the model's thread translates these.
    let next = this.load(batches[0] ?? []);
    for (let i = 0; i < batches.length; i++) {
      if (this.options.signal?.aborted === true) break;
      const loaded = await next;
      next = this.load(batches[i + 1] ?? []);
      // Awaited in the next round; until then a failure must not count as unhandled.
      next.catch(() => undefined);
      if (loaded.length > 0) await this.translate(loaded);
    }
  }

  /** Lists what was done before an error that ends the work, if anything was. */
  async finishAfter(error: unknown): Promise<void> {
    if (this.done.size > 0)
      await this.finish(error instanceof PixcycleError ? error.toLine() : String(error));
  }

  /** Writes the list of what was done. */
  async finish(error?: string): Promise<TranslationRecord> {
    const {
      name,
      weights,
      generator,
      direction,
      evaluate,
      dropout,
      colorization,
      architecture,
      preparation,
    } = this.translator.info;
    const { kind: _, dropout: __, ...shape } = architecture;
    const record: TranslationRecord = {
      model: {
        ...{ name, weights, generator, direction, ...shape, evaluate, dropout, colorization },
        ...preparation,
      },
      results: this.inputs.flatMap((input) => this.done.get(input) ?? []),
      failures: this.inputs.flatMap((input) => {
        const error = this.failed.get(input);
        return error === undefined ? [] : [{ input: input.path, error: error.toLine() }];
      }),
      skipped: this.inputs.length - this.done.size - this.failed.size,
      ...(error !== undefined && { error }),
    };
    const { out } = this.options;
    await writeFileAtomic(join(out, "results.json"), `${JSON.stringify(record, undefined, 2)}\n`);
    await writeFileAtomic(join(out, "index.html"), resultsPage(record));
    return record;
  }

  /** Sorts by size, so that a session is made once per size, and cuts into batches of equal sizes. */
  private async plan(): Promise<InputImage[][]> {
    const bySize = new Map<string, InputImage[]>();
    for (const input of this.inputs) {
      try {
        const { width, height } = this.translator.workingSize(await readImageHeader(input.path), input.path);
        const key = `${String(width).padStart(6)} ${String(height).padStart(6)}`;
        bySize.set(key, [...(bySize.get(key) ?? []), input]);
      } catch (error) {
        this.fail(input, error);
      }
    }
    const most = this.translator.batches ? (this.options.batch ?? 1) : 1;
    return [...bySize.keys()].sort().flatMap((key) => {
      const inputs = bySize.get(key)!;
      return Array.from({ length: Math.ceil(inputs.length / most) }, (_, i) =>
        inputs.slice(i * most, (i + 1) * most),
      );
    });
  }

  private async load(inputs: readonly InputImage[]): Promise<Loaded[]> {
    const loaded: Loaded[] = [];
    for (const input of inputs) {
      try {
        const { input: image, truth } = await this.translator.prepare(input.path);
        const tensor = this.translator.coding.encode(image);
        loaded.push({ input, depth: image.depth, tensor, truth });
      } catch (error) {
        this.fail(input, error);
      }
    }
    return loaded;
  }

  private async translate(loaded: readonly Loaded[]): Promise<void> {
    const { inverse } = this.options;
    const { inputName, outputName } = this.translator.info;
    const { coding } = this.translator;
    const fakes = await this.translator.translateTensors(
      loaded.map(({ tensor }) => tensor),
      loaded.length,
    );
    const back = inverse === undefined ? [] : await inverse.translateTensors(fakes, loaded.length);
    for (const [i, { input, tensor, truth, ...own }] of loaded.entries()) {
      const depth = this.options.depth ?? own.depth;
      const images = new Map([
        [inputName as string, coding.show(tensor, depth)],
        [outputName, coding.decode(fakes[i]!, tensor, depth)],
      ]);
      if (truth !== undefined) images.set(this.truthName, atDepth(truth, depth));
      if (back[i] !== undefined) images.set(this.reconstructionName, tensorToImage(back[i], depth));
      await this.write(input, images);
    }
  }

  private async write(input: InputImage, images: ReadonlyMap<string, Image>): Promise<void> {
    const files = new Map<string, Uint8Array>();
    const names: Record<string, string> = {};
    try {
      for (const [label, image] of images) {
        names[label] = this.fileName(input.stem, label);
        files.set(names[label], await encodeImage(image, this.format(label)));
      }
    } catch (error) {
      this.fail(input, error);
      return;
    }
    for (const [name, bytes] of files) await writeFileAtomic(join(this.options.out, name), bytes);
    const { width, height } = images.get(this.translator.info.outputName)!;
    this.done.set(input, { input: input.path, width, height, images: names });
    this.report(input);
  }

  /** Notes what is wrong with one image; what would be wrong with every other, too, ends the work. */
  private fail(input: InputImage, error: unknown): void {
    if (!(error instanceof PixcycleError)) throw error;
    this.failed.set(input, error);
    this.report(input, error);
  }

  private report(input: InputImage, error?: PixcycleError): void {
    this.options.onImage?.(this.done.size + this.failed.size, this.inputs.length, input.path, error);
  }

  private get truthName(): string {
    return this.translator.info.outputName.replace("fake", "real");
  }

  private get reconstructionName(): string {
    return this.translator.info.inputName.replace("real", "rec");
  }

  private fileName(stem: string, label: string): string {
    return `${stem}_${label}.${ENDINGS[this.format(label)]}`;
  }

  private format(label: string): ImageFormat {
    const { inputChannels, outputChannels } = this.translator.coding;
    const isOutput = label === this.translator.info.outputName || label === this.truthName;
    const channels = isOutput ? outputChannels : inputChannels;
    return this.options.format ?? (channels > 4 ? "tiff" : "png");
  }
}

const atDepth = (image: Image, depth: 8 | 16): Image =>
  depth === image.depth ? image : tensorToImage(imageToTensor(image), depth);
