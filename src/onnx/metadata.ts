import { PixcycleError } from "../errors.js";

/** Field numbers of onnx.proto. */
const METADATA = 14;
const KEY = 1;
const VALUE = 2;

/**
 * The metadata of an ONNX model file (`metadata_props`), which ONNX Runtime does not tell. Nothing else is looked at.
 * @param where what messages call the file
 * @throws PixcycleError E_FILE_FORMAT for bytes that are no ONNX file
 */
export function readOnnxMetadata(bytes: Uint8Array, where: string): Record<string, string> {
  const text = new TextDecoder();
  const metadata: Record<string, string> = {};
  for (const [field, entry] of fieldsOf(bytes, where)) {
    if (field !== METADATA) continue;
    const parts = new Map(fieldsOf(entry, where));
    metadata[text.decode(parts.get(KEY))] = text.decode(parts.get(VALUE));
  }
  return metadata;
}

/** The length-delimited fields of a protobuf message. */
function fieldsOf(bytes: Uint8Array, where: string): [field: number, content: Uint8Array][] {
  const fields: [number, Uint8Array][] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; at < bytes.length; scale *= 128) {
      const byte = bytes[at++]!;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    throw notOnnx(where);
  };
  while (at < bytes.length) {
    const tag = varint();
    const wire = tag % 8;
    if (wire === 0) varint();
    else if (wire === 1) at += 8;
    else if (wire === 5) at += 4;
    else if (wire === 2) {
      const length = varint();
      fields.push([Math.floor(tag / 8), bytes.subarray(at, at + length)]);
      at += length;
    } else throw notOnnx(where);
  }
  if (at !== bytes.length) throw notOnnx(where);
  return fields;
}

const notOnnx = (where: string): PixcycleError =>
  new PixcycleError("E_FILE_FORMAT", `${where} is not an ONNX model, or is cut short.`);
