import { readTensorSource } from "../formats/tensor-source.js";
import { inferGenerator } from "../networks/infer.js";
import { exportNetwork } from "../runtime/export.js";

/** An ONNX model for images of any size out of a generator's weights; errors as `readGenerator`. */
export async function exportWeights(bytes: Uint8Array, name: string, evaluate: boolean): Promise<Uint8Array> {
  const read = async (offset: number, length: number) =>
    Uint8Array.from(bytes.subarray(offset, offset + length));
  const { tensors, metadata } = await readTensorSource({ where: name, size: bytes.length, read });
  return exportNetwork(inferGenerator(tensors, name), {
    ...{ mode: evaluate ? "eval" : "train", dropout: false, half: false },
    metadata: { source: name, ...(metadata.dataset_mode && { dataset_mode: metadata.dataset_mode }) },
  });
}
