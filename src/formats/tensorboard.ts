import { type FileHandle, open } from "node:fs/promises";
import path from "node:path";
import { fileWriteError } from "./atomic.js";
import { ProtoWriter } from "./protobuf.js";
import { encodeRecord } from "./tfrecord.js";

/** An image already encoded as PNG or JPEG. */
export interface EncodedImage {
  readonly width: number;
  readonly height: number;
  /** 1 gray, 2 gray and alpha, 3 RGB, 4 RGBA. */
  readonly channels: number;
  readonly encoded: Uint8Array;
}

// Field numbers of tensorflow/core/util/event.proto and framework/summary.proto.
const EVENT = { wallTime: 1, step: 2, fileVersion: 3, summary: 5, sessionLog: 7 } as const;
const SUMMARY = { value: 1 } as const;
const VALUE = { tag: 1, simpleValue: 2, image: 4 } as const;
const IMAGE = { height: 1, width: 2, colorspace: 3, encoded: 4 } as const;
const SESSION_LOG = { status: 1 } as const;
const SESSION_START = 1;

/**
 * A TensorBoard event file: scalars and images by step. Each call appends whole records, in the order of the
 * calls, so a killed run loses at most the record in writing, which TensorBoard skips.
 */
export class EventWriter {
  private queue: Promise<void> = Promise.resolve();
  /** Bytes of the whole records written. */
  private length: number;

  private constructor(
    /** The file. */
    readonly file: string,
    private readonly handle: FileHandle,
    length: number,
  ) {
    this.length = length;
  }

  /**
   * Starts an event file in a folder; a resumed run gets a second one beside the first.
   *
   * @param options.resumeStep the first step of a resumed run: TensorBoard then drops what an interrupted run
   *   had written at that step and later
   * @throws PixcycleError E_FILE_WRITE
   */
  static async open(folder: string, options: { resumeStep?: number } = {}): Promise<EventWriter> {
    const seconds = String(Math.floor(Date.now() / 1000)).padStart(10, "0");
    // TensorBoard reads the files of a folder in order of their names.
    const file = path.join(folder, `events.out.tfevents.${seconds}.pixcycle.${process.pid}`);
    const handle = await open(file, "a").catch((cause) => {
      throw fileWriteError(file, cause);
    });
    const { size } = await handle.stat();
    const writer = new EventWriter(file, handle, size);
    await writer.append((event) => event.string(EVENT.fileVersion, "brain.Event:2"));
    if (options.resumeStep !== undefined) {
      const step = options.resumeStep;
      await writer.append((event) =>
        event
          .int(EVENT.step, step)
          .message(EVENT.sessionLog, (log) => log.int(SESSION_LOG.status, SESSION_START)),
      );
    }
    return writer;
  }

  /**
   * Adds one value to each named curve.
   *
   * @param values tag to value, as `{ "loss/G_GAN": 0.7 }`
   * @throws PixcycleError E_FILE_WRITE
   */
  scalars(step: number, values: Readonly<Record<string, number>>): Promise<void> {
    return this.summary(step, (summary) => {
      for (const [tag, value] of Object.entries(values)) {
        summary.message(SUMMARY.value, (item) => item.string(VALUE.tag, tag).float(VALUE.simpleValue, value));
      }
    });
  }

  /**
   * Adds an image under a tag, as `samples/fake_B`.
   *
   * @throws PixcycleError E_FILE_WRITE
   */
  image(step: number, tag: string, image: EncodedImage): Promise<void> {
    return this.summary(step, (summary) =>
      summary.message(SUMMARY.value, (item) =>
        item
          .string(VALUE.tag, tag)
          .message(VALUE.image, (field) =>
            field
              .int(IMAGE.height, image.height)
              .int(IMAGE.width, image.width)
              .int(IMAGE.colorspace, image.channels)
              .bytes(IMAGE.encoded, image.encoded),
          ),
      ),
    );
  }

  /** Waits for everything to be written and closes the file. */
  async close(): Promise<void> {
    await this.queue;
    await this.handle.close();
  }

  private summary(step: number, build: (summary: ProtoWriter) => void): Promise<void> {
    return this.append((event) => event.int(EVENT.step, step).message(EVENT.summary, build));
  }

  private append(build: (event: ProtoWriter) => void): Promise<void> {
    const event = new ProtoWriter().double(EVENT.wallTime, Date.now() / 1000);
    build(event);
    const record = encodeRecord(event.finish());
    const written = this.queue.then(() => this.write(record));
    // A failed write fails its own call, not the ones after it.
    this.queue = written.catch(() => undefined);
    return written;
  }

  private async write(record: Uint8Array): Promise<void> {
    try {
      await this.handle.appendFile(record);
      this.length += record.length;
    } catch (cause) {
      // Readers stop at half a record, so none may stand before the next one.
      await this.handle.truncate(this.length).catch(() => undefined);
      throw fileWriteError(this.file, cause);
    }
  }
}
