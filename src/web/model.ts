import { type GeneratorFacts, readFacts } from "../runtime/exported.js";

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
