import { PixcycleError } from "../errors.js";
import { lookalike } from "../formats/lookalikes.js";
import { ProtoMessage } from "../formats/protobuf-reader.js";

/** Field numbers of onnx.proto: of a model, and of an entry of its metadata. */
const GRAPH = 7;
const OPERATOR_SETS = 8;
const METADATA = 14;
const KEY = 1;
const VALUE = 2;

/**
 * The metadata of an ONNX model file (`metadata_props`), which ONNX Runtime does not tell. Nothing else is looked at.
 * @param where what messages call the file
 * @throws PixcycleError E_FILE_FORMAT for bytes that are no ONNX file
 */
export function readOnnxMetadata(bytes: Uint8Array, where: string): Record<string, string> {
  return metadataOf(openOnnxModel(bytes, where));
}

/**
 * The message that an ONNX model file is.
 * @throws PixcycleError E_FILE_FORMAT; the returned message throws it too
 */
export function openOnnxModel(bytes: Uint8Array, where: string): ProtoMessage {
  const fail = (): never => {
    const { problem, hint } = lookalike(bytes) ?? {
      problem: "it is something else, or cut short",
      hint: "Copy or download it again, or make it with pixcycle export MODEL --out model.onnx.",
    };
    throw new PixcycleError("E_FILE_FORMAT", `${where} is not an ONNX model: ${problem}.`, { hint });
  };
  const model = new ProtoMessage(bytes, fail);
  return model.has(GRAPH) && model.has(OPERATOR_SETS) ? model : fail();
}

export function metadataOf(model: ProtoMessage): Record<string, string> {
  return Object.fromEntries(model.messages(METADATA).map((entry) => [entry.text(KEY), entry.text(VALUE)]));
}
