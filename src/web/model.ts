import { PixcycleError } from "../errors.js";
import type { Network } from "../networks/registry.js";
import { readOnnxMetadata } from "../onnx/metadata.js";

/** What a page knows of a generator. */
export interface GeneratorFacts extends Pick<Network, "divisor" | "minimumSize" | "inputChannels"> {
  readonly outputChannels: number;
  /** All that the file says of itself: `source`, `direction`, `norm_statistics`, … */
  readonly metadata: Readonly<Record<string, string>>;
}

/** An ONNX model with its facts. */
export interface OnnxGenerator {
  readonly onnx: Uint8Array;
  readonly facts: GeneratorFacts;
}

/**
 * A generator out of the bytes of a file: an ONNX model that pixcycle exported, or weights (safetensors, PyTorch's
 * `.pth`), whose architecture is read from their names and shapes.
 * @param evaluate of weights: use running statistics
 * @throws PixcycleError E_FILE_FORMAT, E_PICKLE_FORBIDDEN, E_CHECKPOINT_MISMATCH for what is no generator
 */
export async function readGenerator(
  bytes: Uint8Array,
  name: string,
  evaluate: boolean,
): Promise<OnnxGenerator> {
  // Field 1 of an ONNX file, its version, as an integer.
  if (bytes[0] === 8) return { onnx: bytes, facts: readFacts(bytes, name) };
  // The networks and the compiler are files of their own, which pages with an ONNX model do not load.
  const { exportWeights } = await import("./weights.js");
  const onnx = await exportWeights(bytes, name, evaluate);
  return { onnx, facts: readFacts(onnx, name) };
}

function readFacts(bytes: Uint8Array, name: string): GeneratorFacts {
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
