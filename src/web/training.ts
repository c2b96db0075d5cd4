import { PixcycleError, sendError } from "../errors.js";
import { encodeSafetensors } from "../formats/safetensors.js";
import { networkWeights } from "../networks/state-dict.js";
import type { Options } from "../options/schema.js";
import type { Engine } from "../runtime/engine.js";
import { stepComputation } from "../runtime/ort.js";
import { meanDistance } from "../training/held-out.js";
import type { TrainHooks } from "../training/hooks.js";
import { sampleImages } from "../training/sample-images.js";
import { runTraining, type TrainerParts, type TrainingData } from "../training/trainer.js";
import { Gate } from "./gate.js";
import { openEngine } from "./model-engine.js";
import { PageStore } from "./page-store.js";
import { toImageData } from "./source.js";
import { openHeldOut, openTrainingData } from "./training-data.js";
import type { TrainingInfo, TrainingMessage, TrainingRequest } from "./training-setup.js";
import { loadStart, readStart, type TrainingStart } from "./training-start.js";
import { exportWeights } from "./weights.js";

type Tell = (message: TrainingMessage) => void;

/** A training in a web worker: Node's loop, engine and data pipeline, with a page to tell instead of a folder. */
export class Training {
  private readonly gate = new Gate();
  private readonly stopped = new AbortController();
  private running: Promise<void> | undefined;

  private constructor(
    private readonly engine: Engine,
    private readonly data: TrainingData,
    private readonly store: PageStore,
    private readonly parts: Omit<TrainerParts, "signal" | "beforeStep">,
    private readonly info: TrainingInfo,
    private readonly tell: Tell,
  ) {}

  /** Reads images and state, and loads the model; errors as `train`. */
  static async open(request: TrainingRequest, tell: Tell): Promise<Training> {
    const start = await readStart(request);
    const { options } = start.resolved;
    for (const warning of start.resolved.warnings) tell({ hook: "onNotice", event: `warning: ${warning}` });
    const data = await openTrainingData(options, request.images);
    const { engine, device, threads } = await openEngine(options, {
      device: options.device === "cpu" ? "wasm" : options.device,
      threads: options.threads,
      ...stepComputation(options),
      ...(request.runtime !== undefined && { runtime: request.runtime }),
    });
    const validate = await openValidation(options, request, engine);
    const position = await loadStart(start, engine, data.batchesPerEpoch);
    const { batchesPerEpoch } = data;
    const store = new PageStore(start.resolved.origins, firstCheckpoint(start, request));
    const parts: TrainerParts = {
      ...{ options, runner: engine, data, store, start: position, ...validate },
      hooks: hooksFor(tell, store),
      async writeSample(step, images) {
        const { columns, rows } = sampleImages(images, options);
        tell({ hook: "onSample", event: { step, columns, rows: rows.map((row) => row.map(toImageData)) } });
        return `step ${step}`;
      },
    };
    const info = { options, device, threads, batchesPerEpoch, step: position.step };
    return new Training(engine, data, store, parts, info, tell);
  }

  /** Starts the loop; from then on the page is told how it goes. */
  async begin(): Promise<TrainingInfo> {
    this.running = this.run();
    return this.info;
  }

  async pause(): Promise<void> {
    this.gate.hold();
  }

  async resume(): Promise<void> {
    this.gate.release();
  }

  /** The loop ends after the step in progress, and saves. */
  async stop(): Promise<void> {
    this.stopped.abort();
    this.gate.release();
  }

  /** The state of the training as it is now. */
  async checkpoint(): Promise<Blob> {
    const saved = await this.gate.run(async () => {
      await this.saveNow();
      return this.store.newest;
    });
    if (saved !== undefined) return saved.file;
    throw new PixcycleError(
      "E_DIVERGED",
      "The weights are not numbers, and there is no earlier checkpoint.",
      {
        hint: "Begin again with a lower lr.",
      },
    );
  }

  /** A network's weights as a safetensors file. */
  async exportSafetensors(network: string | undefined): Promise<Uint8Array> {
    const name = network ?? Object.values(this.engine.model.generators)[0]!.name;
    const state = await this.gate.run(() => this.engine.saveState());
    const weights = networkWeights(state, name);
    if (weights.size === 0) {
      throw new PixcycleError("E_CHECKPOINT_MISMATCH", `The model has no network ${name}.`);
    }
    const { dataset_mode } = this.info.options;
    return encodeSafetensors(weights, dataset_mode === "colorization" ? { dataset_mode } : {});
  }

  /** A generator as an ONNX model for images of any size. */
  async exportOnnx(network: string | undefined): Promise<Uint8Array> {
    return exportWeights(await this.exportSafetensors(network), network ?? "the model", false);
  }

  async close(): Promise<void> {
    await this.stop();
    await this.running;
    await this.data.close();
    await this.engine.close();
  }

  /** How to save, as the loop is told between two steps. */
  private saveNow: () => Promise<void> = async () => undefined;

  private async run(): Promise<void> {
    try {
      const { position, finished, losses } = await runTraining({
        ...this.parts,
        signal: this.stopped.signal,
        beforeStep: (save) => {
          this.saveNow = save;
          return this.gate.pass();
        },
      });
      this.saveNow = async () => undefined;
      await this.gate.end();
      this.tell({ end: { position, finished, losses } });
    } catch (error) {
      await this.gate.end();
      this.tell({ failure: sendError(error) });
    }
  }
}

/** The callbacks of Node's loop, told to the page. */
function hooksFor(tell: Tell, store: PageStore): TrainHooks {
  return {
    onStart: (event) => tell({ hook: "onStart", event }),
    onStep: (event) => tell({ hook: "onStep", event }),
    onEpochEnd: (event) => tell({ hook: "onEpochEnd", event }),
    onNotice: (event) => tell({ hook: "onNotice", event }),
    onCheckpoint: ({ step, epoch }) =>
      tell({ hook: "onCheckpoint", event: { step, epoch, file: store.newest!.file } }),
  };
}

/** The checkpoint that a training continues from, which it can go back to. */
function firstCheckpoint({ checkpoint }: TrainingStart, { checkpoint: file }: TrainingRequest) {
  return checkpoint && file && { step: checkpoint.position.step, file };
}

/** How to measure, where the options want it. */
async function openValidation(
  options: Options,
  { heldOut }: TrainingRequest,
  engine: Engine,
): Promise<Pick<TrainerParts, "validate">> {
  if (options.lr_policy !== "plateau" && options.val_freq === 0) return {};
  if (heldOut === undefined) {
    throw new PixcycleError("E_DATA_MISSING", "Validation needs images that are not trained on.", {
      hint: "Give them as heldOut, or use neither val_freq nor lr_policy plateau.",
    });
  }
  const dataset = await openHeldOut(options, heldOut);
  return { validate: () => meanDistance(dataset, options, engine) };
}
