import type { FloatTensor } from "../formats/tensor.js";
import type { Shape } from "../graph/shape.js";
import { optimizerInputs } from "../models/program.js";
import type { RunRequest, StateMemory, UpdateRequest } from "./memory.js";
import { type DeviceBuffer, GraphSession, type OrtModule, type SessionSettings } from "./ort.js";
import { compileCopy, compileUpdate, stepOutputs } from "./programs.js";

/**
 * State in buffers of a device. What a run leaves as the next value stays there and is fed to the next run; the buffer
 * that it replaces is freed at once, since nothing else refers to it.
 */
export class DeviceMemory implements StateMemory {
  private readonly buffers = new Map<string, DeviceBuffer>();
  /** Values of the host that are not on the device yet. */
  private readonly waiting = new Map<string, FloatTensor>();
  private readonly updates = new Map<string, GraphSession>();

  constructor(
    private readonly ort: OrtModule,
    private readonly settings: SessionSettings,
  ) {}

  write(key: string, value: FloatTensor): void {
    this.waiting.set(key, value);
  }

  async read(): Promise<Map<string, FloatTensor>> {
    await this.upload();
    return this.download(this.buffers);
  }

  async run(
    session: GraphSession,
    { feeds, fetches, gradients = [], rewritten = [] }: RunRequest,
  ): Promise<Map<string, FloatTensor>> {
    await this.upload();
    const inputs = new Map<string, FloatTensor | DeviceBuffer>(feeds);
    for (const name of session.graph.inputs.keys()) {
      const buffer = this.buffers.get(name);
      if (buffer) inputs.set(name, buffer);
    }
    const wanted = [...fetches, ...gradients];
    const fromHost = wanted.filter((name) => !session.kept.has(name));
    const { outputs, kept } = await session.runKeeping(
      inputs,
      new Map(fromHost.map((name) => [name, undefined])),
    );
    for (const key of rewritten) {
      await this.replace(key, kept.get(stepOutputs.next(key))!);
      kept.delete(stepOutputs.next(key));
    }
    try {
      const onDevice = new Map([...kept].filter(([name]) => wanted.includes(name)));
      return new Map([...outputs, ...(await this.download(onDevice))]);
    } finally {
      for (const buffer of kept.values()) await buffer.dispose();
    }
  }

  async update({ optimizer, gradients, adam, scalars }: UpdateRequest): Promise<void> {
    const rewritten = [...gradients.keys()].flatMap((key) => [
      key,
      optimizerInputs.firstMoment(optimizer, key),
      optimizerInputs.secondMoment(optimizer, key),
    ]);
    const kind = `${optimizer} ${[...gradients.keys()]}`;
    let session = this.updates.get(kind);
    if (!session) {
      const shapes = new Map([...gradients].map(([key, { shape }]) => [key, shape]));
      session = await this.open(compileUpdate(optimizer, shapes, adam), rewritten);
      this.updates.set(kind, session);
    }
    const feeds = new Map([...gradients].map(([key, value]) => [stepOutputs.gradient(key), value]));
    const scalar = (value: number): FloatTensor => ({ shape: [], data: Float32Array.of(value) });
    feeds.set(optimizerInputs.stepSize(optimizer), scalar(scalars.stepSize));
    feeds.set(optimizerInputs.secondCorrection(optimizer), scalar(scalars.secondCorrection));
    await this.run(session, { feeds, fetches: [], rewritten });
  }

  async close(): Promise<void> {
    for (const buffer of this.buffers.values()) await buffer.dispose();
    this.buffers.clear();
    this.waiting.clear();
    for (const session of this.updates.values()) await session.close();
    this.updates.clear();
  }

  /** Brings what was written since the last run to the device. */
  private async upload(): Promise<void> {
    if (this.waiting.size === 0) return;
    const shapes = new Map([...this.waiting].map(([key, { shape }]) => [key, shape]));
    const keys = [...shapes.keys()];
    await this.withCopies(shapes, keys, async (session) => {
      const { kept } = await session.runKeeping(this.waiting, new Map());
      for (const key of keys) await this.replace(key, kept.get(stepOutputs.next(key))!);
    });
    this.waiting.clear();
  }

  /** Copies buffers to the host, by a graph: Node's binding cannot read them (`getData` ends the process). */
  private async download(buffers: ReadonlyMap<string, DeviceBuffer>): Promise<Map<string, FloatTensor>> {
    if (buffers.size === 0) return new Map();
    const shapes = new Map([...buffers].map(([key, { tensor }]) => [key, tensor.dims]));
    const fetches = new Map([...buffers.keys()].map((key) => [stepOutputs.next(key), undefined]));
    const copies = await this.withCopies(shapes, [], (session) => session.run(buffers, fetches));
    return new Map([...buffers.keys()].map((key) => [key, copies.get(stepOutputs.next(key))!]));
  }

  private async replace(key: string, next: DeviceBuffer): Promise<void> {
    const previous = this.buffers.get(key);
    this.buffers.set(key, next);
    await previous?.dispose();
  }

  /** Runs something with a graph that copies tensors, which is only needed now and then. */
  private async withCopies<T>(
    shapes: ReadonlyMap<string, Shape>,
    kept: readonly string[],
    work: (session: GraphSession) => Promise<T>,
  ): Promise<T> {
    const session = await this.open(compileCopy(shapes), kept);
    try {
      return await work(session);
    } finally {
      await session.close();
    }
  }

  private open(graph: GraphSession["graph"], rewritten: readonly string[]): Promise<GraphSession> {
    const { profilePrefix: _, ...settings } = this.settings;
    return GraphSession.create(this.ort, graph, settings, rewritten.map(stepOutputs.next));
  }
}
