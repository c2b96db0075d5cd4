import type { FileDType, FileDTypeArrays, FileTensor } from "./tensor.js";

/** Bytes of one element. */
export const BYTES_PER_ELEMENT: Readonly<Record<FileDType, number>> = {
  F64: 8,
  I64: 8,
  F32: 4,
  I32: 4,
  F16: 2,
  BF16: 2,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
};

const ARRAYS: {
  readonly [D in FileDType]: new (
    buffer: ArrayBufferLike,
    byteOffset: number,
    length: number,
  ) => FileDTypeArrays[D];
} = {
  F64: Float64Array,
  I64: BigInt64Array,
  F32: Float32Array,
  I32: Int32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I16: Int16Array,
  I8: Int8Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
};

/** Whether safetensors and this package know a type of that name. */
export function isFileDType(text: string): text is FileDType {
  return Object.hasOwn(BYTES_PER_ELEMENT, text);
}

/**
 * A tensor over little-endian row-major `bytes`: a view of them where their offset allows it, else a copy.
 * `bytes` must hold exactly the elements of `shape`.
 */
export function tensorFromBytes(dtype: FileDType, shape: readonly number[], bytes: Uint8Array): FileTensor {
  const size = BYTES_PER_ELEMENT[dtype];
  // A Node Buffer's own slice does not copy.
  const aligned = bytes.byteOffset % size === 0 ? bytes : Uint8Array.prototype.slice.call(bytes);
  const data = new ARRAYS[dtype](aligned.buffer, aligned.byteOffset, aligned.byteLength / size);
  return { dtype, shape, data } as FileTensor;
}

/** The little-endian bytes of a tensor's elements, as a view. */
export function tensorBytes(tensor: FileTensor): Uint8Array {
  const { buffer, byteOffset, byteLength } = tensor.data;
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** The number of elements of a shape; NaN if it is not a list of sizes or exceeds what a number counts exactly. */
export function elementCount(shape: readonly number[]): number {
  let count = 1;
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0) return Number.NaN;
    count *= size;
  }
  return Number.isSafeInteger(count) ? count : Number.NaN;
}

/** Text out of an untrusted file, quoted for a message: one line, no control characters, at most 100 long. */
export function quote(text: string): string {
  const shown = text.length > 100 ? `${text.slice(0, 100)}…` : text;
  return JSON.stringify(shown).replace(/[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, "?");
}
