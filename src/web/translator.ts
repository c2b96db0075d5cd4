import type { Image } from "../data/pixels.js";
import type { RemoteObject } from "../runtime/calls.js";
import { completePreparation, type Preparation } from "../translation/prepare.js";
import { download, type Progress } from "./download.js";
import type { EngineSettings, LoadedGenerator } from "./engine.js";
import { connectWorker, type PageRuntimeSettings, runtimeSettings } from "./remote.js";
import { type PixelSource, readPixels, toImageData } from "./source.js";

export interface WebTranslatorOptions extends Partial<Preparation>, PageRuntimeSettings {
  /** Weights in safetensors: use running statistics; an ONNX model has decided that when it was exported. */
  readonly evaluate?: boolean;
  /** Told of the model's download, in bytes; `total` is undefined where the server does not say it. */
  readonly onProgress?: Progress;
}

/**
 * Loads a trained generator into a web worker, to translate with in a page.
 *
 * ```ts
 * const translator = await loadTranslator("model.onnx");
 * context.putImageData(await translator.translate(video), 0, 0);
 * ```
 *
 * @param source where the file is, or its bytes: ONNX as `pixcycle export` writes it, or weights in safetensors
 * @throws PixcycleError E_DOWNLOAD, E_FILE_FORMAT, E_CHECKPOINT_MISMATCH for what is no generator, E_RUNTIME where the
 *   device is not there
 */
export async function loadTranslator(
  source: string | URL | Blob | ArrayBuffer | Uint8Array,
  options: WebTranslatorOptions = {},
): Promise<WebTranslator> {
  const { name, bytes } = await readModel(source, options.onProgress);
  const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "pixcycle" });
  const remote = connectWorker(worker, "translator");
  const { evaluate = false } = options;
  const load = remote.method<[Uint8Array, string, EngineSettings], LoadedGenerator>("load");
  try {
    const loaded = await load(bytes, name, { ...runtimeSettings(options), evaluate });
    return new WebTranslator(loaded, completePreparation(options), worker, remote);
  } catch (error) {
    worker.terminate();
    throw error;
  }
}

/** A trained generator and the way from image to image, in a page. Made by `loadTranslator`. */
export class WebTranslator {
  private readonly remote: (image: Image, preparation: Preparation) => Promise<Image>;

  constructor(
    /** What translates, and what it runs on. */
    readonly info: LoadedGenerator,
    private readonly preparation: Preparation,
    private readonly worker: Worker,
    private readonly thread: RemoteObject,
  ) {
    this.remote = thread.method("translate");
  }

  /**
   * Translates a picture of any size to one of the same size (that of the prepared image, if `preprocess` changes it).
   * Alpha is dropped, as in Node.
   * @param preparation instead of what was given to `loadTranslator`
   * @throws PixcycleError E_IMAGE_READ, E_IMAGE_SIZE, E_DATA_SIZE, E_MEMORY, E_RUNTIME
   */
  async translate(source: PixelSource, preparation: Partial<Preparation> = {}): Promise<ImageData> {
    const image = await this.translateImage(await readPixels(source), preparation);
    return toImageData(image);
  }

  /** The same with samples of any number of channels; errors as `translate`. */
  translateImage(image: Image, preparation: Partial<Preparation> = {}): Promise<Image> {
    return this.remote(image, { ...this.preparation, ...preparation });
  }

  /** Ends the worker and frees the memory. */
  async close(): Promise<void> {
    await this.thread.close();
    this.worker.terminate();
  }
}

async function readModel(
  source: string | URL | Blob | ArrayBuffer | Uint8Array,
  onProgress: Progress | undefined,
): Promise<{ readonly name: string; readonly bytes: Uint8Array }> {
  if (source instanceof Uint8Array) return { name: "The model", bytes: source };
  if (source instanceof ArrayBuffer) return { name: "The model", bytes: new Uint8Array(source) };
  if (source instanceof Blob) {
    const name = source instanceof File ? source.name : "The model";
    return { name, bytes: new Uint8Array(await source.arrayBuffer()) };
  }
  const url = new URL(source, document.baseURI);
  return { name: url.pathname.split("/").at(-1)!, bytes: await download(url, onProgress) };
}
