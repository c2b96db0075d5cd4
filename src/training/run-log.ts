import { readFile } from "node:fs/promises";
import { EventWriter } from "../formats/tensorboard.js";
import { MetricsLog } from "./metrics.js";
import type { RunFolder } from "./run-folder.js";
import type { LoggedStep, TrainingLog } from "./run-store.js";

/** The logs of a run: `metrics.jsonl`, and the same for TensorBoard in `events.*`. */
export class RunLog implements TrainingLog {
  private constructor(
    private readonly metrics: MetricsLog,
    private readonly events: EventWriter,
  ) {}

  /** Opens the logs of a run that continues after `step`; what they hold of later steps is dropped. */
  static async open(folder: RunFolder, step: number): Promise<RunLog> {
    const metrics = await MetricsLog.open(folder.metrics, step);
    try {
      const resumed = step === 0 ? {} : { resumeStep: step + 1 };
      return new RunLog(metrics, await EventWriter.open(folder.path, resumed));
    } catch (error) {
      await metrics.close();
      throw error;
    }
  }

  async step(logged: LoggedStep): Promise<void> {
    const { step, epoch, learningRate, losses, seconds, dataSeconds, scaling } = logged;
    const times = { seconds: round(seconds), data_seconds: round(dataSeconds) };
    const scale = scaling && { loss_scale: scaling.lossScale };
    const skipped = scaling && scaling.skipped.length > 0 && { skipped: scaling.skipped };
    await this.metrics.append({
      ...{ step, epoch, learning_rate: learningRate, losses },
      ...times,
      ...scale,
      ...skipped,
    });
    const curves = Object.entries(losses).map(([name, value]) => [`loss/${name}`, value]);
    await this.events.scalars(step, { ...Object.fromEntries(curves), learning_rate: learningRate, ...scale });
  }

  async validation(step: number, epoch: number, validation: number): Promise<void> {
    await this.metrics.append({ step, epoch, validation });
    await this.events.scalars(step, { validation });
  }

  async notice(step: number, epoch: number, notice: string): Promise<void> {
    await this.metrics.append({ step, epoch, notice });
  }

  /** Shows a sample grid, a PNG file, in TensorBoard. */
  async sample(step: number, path: string): Promise<void> {
    const encoded = await readFile(path);
    // A PNG's first chunk has its size.
    const [width, height] = [encoded.readUInt32BE(16), encoded.readUInt32BE(20)];
    await this.events.image(step, "samples", { width, height, channels: 3, encoded });
  }

  async close(): Promise<void> {
    await this.metrics.close();
    await this.events.close();
  }
}

function round(seconds: number): number {
  return Math.round(seconds * 1e4) / 1e4;
}
