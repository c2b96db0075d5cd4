import { PixcycleError } from "../errors.js";
import type { FloatTensor } from "../formats/tensor.js";
import type { Network } from "../networks/registry.js";
import { readOnnxMetadata } from "../onnx/metadata.js";
import { deviceOf } from "./device.js";
import { type OrtModule, type OrtSession, openSession, type SessionSettings } from "./ort.js";
import type { GeneratorRunner } from "./translator.js";

/** What an exported generator says of itself. */
export interface GeneratorFacts extends Pick<Network, "divisor" | "minimumSize" | "inputChannels"> {
  readonly outputChannels: number;
  /** All that the file says of itself: `source`, `direction`, `norm_statistics`, … */
  readonly metadata: Readonly<Record<string, string>>;
}

/** @throws PixcycleError E_FILE_FORMAT for an ONNX file that is no generator of pixcycle */
export function readFacts(bytes: Uint8Array, name: string): GeneratorFacts {
  const metadata = readOnnxMetadata(bytes, name);
  if (metadata.kind !== "generator") {
    const problem = metadata.kind === undefined ? "was not exported by pixcycle" : `is a ${metadata.kind}`;
    throw new PixcycleError("E_FILE_FORMAT", `${name} ${problem}.`, {
      hint: "Make the file with pixcycle export MODEL --out model.onnx.",
    });
  }
  return {
    inputChannels: Number(metadata.input_channels),
    outputChannels: Number(metadata.output_channels),
    divisor: Number(metadata.divisor),
    minimumSize: Number(metadata.minimum_size),
    metadata,
  };
}

/** A generator that was exported to ONNX, as it is: weights, norms and dropout are in the file. One session for all sizes. */
export class ExportedGenerator implements GeneratorRunner {
  private session: Promise<OrtSession> | undefined;

  constructor(
    private readonly ort: OrtModule,
    private readonly model: Uint8Array,
    private readonly settings: SessionSettings,
  ) {}

  async translate({ shape, data }: FloatTensor): Promise<FloatTensor> {
    const { device, threads } = this.settings;
    this.session ??= openSession(this.ort, this.model, deviceOf(device), {
      ...(threads > 0 && { intraOpNumThreads: threads }),
    });
    const image = new this.ort.Tensor("float32", data, shape);
    const { result } = await (await this.session).run({ image });
    return { shape: result!.dims, data: result!.data as Float32Array };
  }

  async close(): Promise<void> {
    await (await this.session)?.release();
  }
}
