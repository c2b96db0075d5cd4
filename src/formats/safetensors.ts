import { PixcycleError } from "../errors.js";
import {
  BYTES_PER_ELEMENT,
  elementCount,
  isFileDType,
  quote,
  tensorBytes,
  tensorFromBytes,
} from "./dtype.js";
import { isRecord } from "./json.js";
import type { FileTensor, TensorMap } from "./tensor.js";

// Layout (https://github.com/huggingface/safetensors#format): u64 LE length of the header, the header as
// JSON `{name: {dtype, shape, data_offsets: [begin, end]}}`, then the elements; offsets count from there.
const LENGTH_BYTES = 8;
const MAX_HEADER_BYTES = 100_000_000;
const METADATA = "__metadata__";

interface Entry {
  readonly name: string;
  readonly dtype: FileTensor["dtype"];
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/**
 * Writes tensors in safetensors form. The header lists them in the map's order; their elements lie in order of
 * falling element size, so that each is aligned.
 *
 * @param tensors row-major tensors; each `data` has as many elements as its shape says
 * @param metadata text kept under `__metadata__`
 * @throws PixcycleError E_SHAPE if a tensor's data and shape disagree; E_FILE_FORMAT if the header is above 100 MB
 */
export function encodeSafetensors(tensors: TensorMap, metadata: Record<string, string> = {}): Uint8Array {
  const ordered = [...tensors].sort(
    ([, a], [, b]) => BYTES_PER_ELEMENT[b.dtype] - BYTES_PER_ELEMENT[a.dtype],
  );
  const begins = new Map<string, number>();
  let total = 0;
  for (const [name, tensor] of ordered) {
    checkWritable(name, tensor);
    begins.set(name, total);
    total += tensor.data.byteLength;
  }
  // Text put together by hand: an object would lose a tensor named `__proto__`.
  const fields = [...tensors].map(([name, { dtype, shape, data }]) => {
    const begin = begins.get(name)!;
    return `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, begin + data.byteLength] })}`;
  });
  if (Object.keys(metadata).length > 0) fields.unshift(`"${METADATA}":${JSON.stringify(metadata)}`);
  const json = new TextEncoder().encode(`{${fields.join(",")}}`);
  const headerBytes = Math.ceil(json.length / 8) * 8;
  if (headerBytes > MAX_HEADER_BYTES) {
    throw new PixcycleError(
      "E_FILE_FORMAT",
      `A safetensors header of ${headerBytes} bytes is above 100 MB.`,
      {
        hint: "Use fewer tensors or shorter metadata.",
      },
    );
  }
  const start = LENGTH_BYTES + headerBytes;
  const bytes = new Uint8Array(start + total);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.fill(0x20, LENGTH_BYTES, start);
  bytes.set(json, LENGTH_BYTES);
  for (const [name, tensor] of ordered) bytes.set(tensorBytes(tensor), start + begins.get(name)!);
  return bytes;
}

/**
 * Reads a safetensors file. Every rule of the format is checked: header at most 100 MB, known element types,
 * data as long as the shape says, no overlap, no gap, nothing missing and nothing left over.
 *
 * @param bytes the whole file; aligned tensors are views of it, the others are copies
 * @param where what to call the file in an error, usually its path
 * @throws PixcycleError E_FILE_FORMAT saying what is wrong and where
 */
export function decodeSafetensors(
  bytes: Uint8Array,
  where: string,
): { tensors: TensorMap; metadata: Record<string, string> } {
  const { header, start } = readHeader(bytes, where);
  const metadata = Object.hasOwn(header, METADATA) ? readMetadata(header[METADATA], where) : {};
  const names = Object.keys(header).filter((name) => name !== METADATA);
  const entries = names.map((name) => readEntry(name, header[name], where));
  checkCoverage(entries, bytes.length - start, where);
  const tensors: TensorMap = new Map();
  for (const { name, dtype, shape, begin, end } of entries) {
    tensors.set(name, tensorFromBytes(dtype, shape, bytes.subarray(start + begin, start + end)));
  }
  return { tensors, metadata };
}

function readHeader(bytes: Uint8Array, where: string): { header: Record<string, unknown>; start: number } {
  if (bytes.length < LENGTH_BYTES) {
    throw malformed(where, `${bytes.length} bytes, too short for the 8-byte header length`);
  }
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES)) {
    throw malformed(where, `header length ${length} is above the format's 100 MB limit`);
  }
  const start = LENGTH_BYTES + Number(length);
  if (start > bytes.length) {
    throw malformed(where, `header ends at byte ${start}, but the file has only ${bytes.length}`);
  }
  if (bytes[LENGTH_BYTES] !== 0x7b) throw malformed(where, "header does not begin with '{' at byte 8");
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(LENGTH_BYTES, start));
    return { header: JSON.parse(text) as Record<string, unknown>, start };
  } catch (cause) {
    throw malformed(where, "header is not valid UTF-8 JSON", cause);
  }
}

function readMetadata(value: unknown, where: string): Record<string, string> {
  const isText = isRecord(value) && Object.values(value).every((text) => typeof text === "string");
  if (!isText) throw malformed(where, "__metadata__ is not a map from text to text");
  return value as Record<string, string>;
}

function readEntry(name: string, value: unknown, where: string): Entry {
  const wrong = (problem: string) => malformed(where, `tensor ${quote(name)}: ${problem}`);
  if (!isRecord(value)) throw wrong("entry is not an object");
  const { dtype, shape, data_offsets, ...others } = value;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw wrong(`entry has an unknown field ${quote(unknown)}`);
  if (typeof dtype !== "string") throw wrong("dtype is not a text");
  const checkSizes = (field: string, list: unknown): readonly number[] => {
    if (!Array.isArray(list)) throw wrong(`${field} is not a list`);
    const bad = list.findIndex((size) => !Number.isSafeInteger(size) || size < 0);
    if (bad >= 0) throw wrong(`${field}.${bad} is not a size`);
    return list;
  };
  const sizes = checkSizes("shape", shape);
  const offsets = checkSizes("data_offsets", data_offsets);
  if (offsets.length !== 2) throw wrong(`data_offsets has ${offsets.length} numbers instead of 2`);
  const [begin, end] = offsets as [number, number];
  if (!isFileDType(dtype)) {
    throw malformed(where, `tensor ${quote(name)} has dtype ${quote(dtype)}, which pixcycle does not use`);
  }
  const count = elementCount(sizes);
  if (Number.isNaN(count)) throw wrong(`shape [${sizes.join(", ")}] is too large`);
  const expected = count * BYTES_PER_ELEMENT[dtype];
  if (end - begin !== expected) {
    throw malformed(
      where,
      `tensor ${quote(name)}: ${dtype} [${sizes.join(", ")}] takes ${expected} bytes, data_offsets [${begin}, ${end}] hold ${end - begin}`,
    );
  }
  return { name, dtype, shape: sizes, begin, end };
}

/** The entries must cover bytes 0 to `size` exactly once. */
function checkCoverage(entries: readonly Entry[], size: number, where: string): void {
  let covered = 0;
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin < covered)
      throw malformed(where, `tensor ${quote(name)} overlaps another at data byte ${begin}`);
    if (begin > covered) {
      throw malformed(
        where,
        `data bytes ${covered} to ${begin}, before tensor ${quote(name)}, belong to no tensor`,
      );
    }
    covered = end;
  }
  if (covered > size) {
    throw malformed(
      where,
      `the tensors need ${covered} data bytes, but the file holds ${size}; it is cut short`,
    );
  }
  if (covered < size)
    throw malformed(where, `${size - covered} bytes after the last tensor belong to no tensor`);
}

function checkWritable(name: string, { dtype, shape, data }: FileTensor): void {
  if (name === METADATA) throw new PixcycleError("E_SHAPE", `A tensor cannot be named ${METADATA}.`);
  if (data.length !== elementCount(shape)) {
    throw new PixcycleError(
      "E_SHAPE",
      `Tensor ${quote(name)}: ${dtype} [${shape.join(", ")}] needs ${elementCount(shape)} elements, got ${data.length}.`,
    );
  }
}

function malformed(where: string, problem: string, cause?: unknown): PixcycleError {
  return new PixcycleError("E_FILE_FORMAT", `${where}: not a valid safetensors file: ${problem}.`, {
    hint: "Copy or download the file again.",
    cause,
  });
}
