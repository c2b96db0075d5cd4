import {
  type TrainingImages,
  train,
  type WebCheckpointEvent,
  type WebTrainControls,
  type WebTraining,
  type WebTrainOptions,
} from "pixcycle/web";
import { button, complain, html, say, select } from "./dom.js";
import type { Images } from "./images.js";
import { LossCurves } from "./losses.js";
import { Samples } from "./samples.js";
import type { KeptState, TrainingStore } from "./store.js";

/** Milliseconds between two saves while nothing else asks for one. */
const SAVE_EVERY = 15_000;
/** Weight of the newest step in the running mean of step times. */
const SPEED_WEIGHT = 0.1;

/** A training with its view, and what of it is kept for a reload. */
export class Session {
  private readonly losses = new LossCurves(html("losses"));
  private readonly samples = new Samples(html("samples"));
  private training: WebTraining | undefined;
  private totalSteps = 0;
  private step = 0;
  private secondsPerStep = 0;
  private paused = false;
  private savedAt = 0;
  /** Without its images, a state that is kept could not go on. */
  private imagesKept = false;
  /** Whether the last save of all that were asked for is kept. */
  private saved: Promise<boolean> = Promise.resolve(false);

  constructor(private readonly store: TrainingStore) {
    button("pause").addEventListener("click", () => void this.attempt(() => this.togglePause()));
    button("stop").addEventListener("click", () => void this.training?.stop());
    for (const kind of ["safetensors", "onnx"] as const) {
      button(kind).addEventListener("click", () => void this.attempt(() => this.download(kind)));
    }
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "hidden") void this.attempt(() => this.save());
    });
  }

  /** Begins a training, and keeps its images. */
  async begin(
    images: Images,
    options: WebTrainOptions,
    weights: Readonly<Record<string, Blob>>,
  ): Promise<void> {
    this.imagesKept = await this.attempt(() => this.store.begin(images));
    this.losses.reset([]);
    await this.run(images, options, { weights });
  }

  /** Goes on with what is kept. */
  async continue(images: Images, { checkpoint, losses }: KeptState): Promise<void> {
    this.imagesKept = true;
    this.losses.reset(losses);
    await this.run(images, {}, { checkpoint });
  }

  private async run(images: Images, options: WebTrainOptions, start: WebTrainControls): Promise<void> {
    this.samples.reset();
    this.savedAt = performance.now();
    const training = await train(imagesOf(images), options, {
      ...start,
      onStart: ({ step, totalSteps }) => {
        this.totalSteps = totalSteps;
        this.showStep(step);
      },
      onStep: ({ step, losses, seconds, dataSeconds }) => {
        this.losses.add(step, losses);
        const whole = seconds + dataSeconds;
        // The first step compiles the model: it says nothing about the others.
        const isFirst = step <= this.training!.info.step + 2;
        this.secondsPerStep = isFirst
          ? whole
          : this.secondsPerStep + SPEED_WEIGHT * (whole - this.secondsPerStep);
        this.showStep(step);
        if (performance.now() - this.savedAt > SAVE_EVERY) void this.attempt(() => this.save());
      },
      onSample: (event) => this.samples.add(event),
      onCheckpoint: (event) => this.keep(event),
      onNotice: say,
    });
    this.training = training;
    this.show(training);
    training.ended.then(
      ({ finished, position }) => this.end(`${finished ? "Done" : "Ended"} after ${position.step} steps.`),
      (error: unknown) => {
        complain(error);
        this.end("The training has ended early.");
      },
    );
  }

  private show({ info }: WebTraining): void {
    const { options, device, threads } = info;
    html("device").textContent =
      device === "webgpu" ? "WebGPU" : `wasm, ${threads === 1 ? "1 thread" : `${threads} threads`}`;
    const networks = options.model === "cycle_gan" ? ["net_G_A", "net_G_B"] : ["net_G"];
    select("network").replaceChildren(
      ...networks.map((name, i) => new Option(i === 0 ? "there: net_G_A" : "back: net_G_B", name)),
    );
    html("network-choice").hidden = networks.length === 1;
    this.setPaused(false);
    for (const id of ["pause", "stop"]) button(id).disabled = false;
    say("Training. You may use other windows meanwhile.");
  }

  private showStep(step: number): void {
    this.step = step;
    html("step").textContent = `${step} / ${this.totalSteps}`;
    const progress = html("progress") as HTMLProgressElement;
    progress.value = step / this.totalSteps;
    const left = (this.totalSteps - step) * this.secondsPerStep;
    html("left").textContent = step >= this.totalSteps ? "–" : this.secondsPerStep > 0 ? inWords(left) : "…";
  }

  private async togglePause(): Promise<void> {
    const training = this.training!;
    if (this.paused) {
      this.setPaused(false);
      await training.resume();
      say("Training again.");
      return;
    }
    this.setPaused(true);
    await training.pause();
    await this.save();
    const kept = await this.saved;
    if (!this.paused) return;
    const what = kept ? "The page may be closed: it goes on from here." : "This step is not kept.";
    say(`Paused at step ${this.step}. ${what}`);
  }

  private setPaused(paused: boolean): void {
    this.paused = paused;
    button("pause").textContent = paused ? "Resume" : "Pause";
    html("training").classList.toggle("paused", paused);
  }

  private end(text: string): void {
    this.setPaused(false);
    for (const id of ["pause", "stop"]) button(id).disabled = true;
    html("left").textContent = "–";
    say(`${text} The model is ready to download.`);
  }

  /** Asks for a checkpoint, which comes as an event, and waits until it is kept or has failed to be. */
  private async save(): Promise<void> {
    if (this.training === undefined || !this.imagesKept) return;
    this.savedAt = performance.now();
    await this.training.checkpoint();
    await this.saved;
  }

  private keep({ step, file }: WebCheckpointEvent): void {
    if (!this.imagesKept) return;
    this.savedAt = performance.now();
    const { totalSteps } = this;
    const losses = this.losses.history.slice(0, step);
    this.saved = this.saved.then(async (before) => {
      const kept = await this.attempt(() => this.store.save({ step, totalSteps, losses, checkpoint: file }));
      if (kept && !before) complain();
      return kept;
    });
  }

  private async download(kind: "safetensors" | "onnx"): Promise<void> {
    const training = this.training!;
    const network = select("network").value;
    const bytes = await (kind === "onnx"
      ? training.exportOnnx(network)
      : training.exportSafetensors(network));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([bytes]));
    link.download = `${network}.${kind}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }

  /** Does something whose failure does not end the training. Returns whether it was done. */
  private async attempt(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      complain(error);
      return false;
    }
  }
}

const imagesOf = ({ layout, A, B }: Images): TrainingImages =>
  layout === "side_by_side" ? { images: A } : { A, B };

function inWords(seconds: number): string {
  if (seconds < 99.5) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 100 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}
