import { restoreError } from "../errors.js";
import type { RemoteObject } from "../runtime/calls.js";
import { startTrainingWorker } from "./create-runner.js";
import { collectImages, type TrainingImages } from "./images.js";
import { type PageRuntimeSettings, runtimeSettings } from "./remote.js";
import type {
  TrainingEnd,
  TrainingInfo,
  TrainingMessage,
  WebTrainHooks,
  WebTrainOptions,
} from "./training-setup.js";

/** What a training begins with, and its callbacks. */
export interface WebTrainControls extends WebTrainHooks, Pick<PageRuntimeSettings, "runtime"> {
  /** Images that are not trained on, for `val_freq` and `lr_policy` plateau. */
  readonly heldOut?: TrainingImages;
  /** Continues a training of a page, as if it had not been interrupted. */
  readonly checkpoint?: Blob;
  /**
   * Begins with the weights of networks, by name: `net_G` and perhaps `net_D`, or `net_G_A`, `net_G_B` and perhaps their
   * discriminators. Files of the command line's checkpoints, or PyTorch's; the architecture is read from them.
   */
  readonly weights?: Readonly<Record<string, Blob>>;
  /** When aborted, the step in progress is finished and saved, and the training ends. */
  readonly signal?: AbortSignal;
}

/**
 * Trains pix2pix or CycleGAN in a page, in a web worker: the same models, steps, schedules and random numbers as in Node.
 * Returns when the training has begun.
 *
 * ```ts
 * const training = await train({ A: drawings, B: photos }, { model: "pix2pix", netG: "unet_64", crop_size: 64, load_size: 72 },
 *   { onStep: ({ step, losses }) => show(step, losses) });
 * await training.ended;
 * const file = await training.exportSafetensors();
 * ```
 *
 * @param options by the reference's names; what is left out comes from the checkpoint, the weights, or the preset
 * @throws PixcycleError E_OPTION, E_OPTION_CONFLICT, E_DATA_EMPTY, E_DATA_PAIR, E_DATA_SIZE, E_IMAGE_READ,
 *   E_CHECKPOINT_MISMATCH, E_FILE_FORMAT, E_RUNTIME where the device is not there
 */
export async function train(
  images: TrainingImages,
  options: WebTrainOptions,
  controls: WebTrainControls = {},
): Promise<WebTraining> {
  const { heldOut, checkpoint, weights, runtime, signal, ...hooks } = controls;
  const folder = runtimeSettings(runtime === undefined ? {} : { runtime }).runtime;
  const request = {
    ...{ images: await collectImages(images), options },
    ...(heldOut && { heldOut: await collectImages(heldOut) }),
    ...(checkpoint && { checkpoint }),
    ...(weights && { weights }),
    ...(folder !== undefined && { runtime: folder }),
  };
  const { worker, remote } = startTrainingWorker({ kind: "training", request });
  const ended = new Promise<TrainingEnd>((resolve, reject) => {
    worker.addEventListener("message", ({ data }: MessageEvent<TrainingMessage>) => {
      if ("hook" in data) callHook(hooks, data);
      else if ("end" in data) resolve(data.end);
      else if ("failure" in data) reject(restoreError(data.failure));
    });
    remote.onFailure(reject);
  });
  // Whoever awaits it still gets the error; nobody has to.
  ended.catch(() => undefined);
  try {
    const info = await remote.method<[], TrainingInfo>("begin")();
    const training = new WebTraining(info, ended, worker, remote);
    if (signal?.aborted) void training.stop();
    signal?.addEventListener("abort", () => void training.stop());
    return training;
  } catch (error) {
    worker.terminate();
    throw error;
  }
}

function callHook(hooks: WebTrainHooks, { hook, event }: Extract<TrainingMessage, { hook: unknown }>): void {
  const listener = hooks[hook] as ((this: WebTrainHooks, event: unknown) => void) | undefined;
  listener?.call(hooks, event);
}

/** A training in a page. Made by `train`. */
export class WebTraining {
  /** Holds the training after the step in progress. */
  readonly pause: () => Promise<void>;
  /** Goes on after `pause`. */
  readonly resume: () => Promise<void>;
  /** Ends the training after the step in progress, with a checkpoint; `ended` says `finished: false`. */
  readonly stop: () => Promise<void>;
  /** The whole state of the training as it is now, between two steps: give it to `train` to go on, here or elsewhere. */
  readonly checkpoint: () => Promise<Blob>;
  private readonly safetensors: (network: string | undefined) => Promise<Uint8Array<ArrayBuffer>>;
  private readonly onnx: (network: string | undefined) => Promise<Uint8Array<ArrayBuffer>>;

  constructor(
    /** What trains, and what it runs on. */
    readonly info: TrainingInfo,
    /** Settles when the training ends: after its last step, when it is stopped, or with what went wrong. */
    readonly ended: Promise<TrainingEnd>,
    private readonly worker: Worker,
    private readonly thread: RemoteObject,
  ) {
    this.pause = thread.method("pause");
    this.resume = thread.method("resume");
    this.stop = thread.method("stop");
    this.checkpoint = thread.method("checkpoint");
    this.safetensors = thread.method("exportSafetensors");
    this.onnx = thread.method("exportOnnx");
  }

  /**
   * The weights of a network as a safetensors file, which every command and `loadTranslator` take.
   * @param network `net_G`, `net_G_A`, …; by default the generator of the training's direction
   * @throws PixcycleError E_CHECKPOINT_MISMATCH for a name that the model does not have
   */
  exportSafetensors(network?: string): Promise<Uint8Array<ArrayBuffer>> {
    return this.safetensors(network);
  }

  /** A generator as an ONNX model for images of any size; errors as `exportSafetensors`. */
  exportOnnx(network?: string): Promise<Uint8Array<ArrayBuffer>> {
    return this.onnx(network);
  }

  /** Ends the worker and frees the memory; the training is stopped if it runs. */
  async close(): Promise<void> {
    await this.thread.close();
    this.worker.terminate();
  }
}
