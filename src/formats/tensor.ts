/** Element types that tensor files hold, in safetensors' spelling. */
export type FileDType = "F64" | "F32" | "F16" | "BF16" | "I64" | "I32" | "I16" | "I8" | "U8" | "BOOL";

/** The array that holds each element type in memory; 16-bit floats stay as raw bits. */
export interface FileDTypeArrays {
  F64: Float64Array;
  F32: Float32Array;
  F16: Uint16Array;
  BF16: Uint16Array;
  I64: BigInt64Array;
  I32: Int32Array;
  I16: Int16Array;
  I8: Int8Array;
  U8: Uint8Array;
  BOOL: Uint8Array;
}

/** One tensor of a file: row-major data and its shape. */
export type FileTensor = {
  [D in FileDType]: {
    readonly dtype: D;
    readonly shape: readonly number[];
    readonly data: FileDTypeArrays[D];
  };
}[FileDType];

/** Name to tensor, in file order. */
export type TensorMap = Map<string, FileTensor>;

/** A 32-bit float tensor, the type of all weights and batches. */
export interface FloatTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}
