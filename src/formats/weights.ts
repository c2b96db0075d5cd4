import type { FileTensor, FloatTensor, TensorMap } from "./tensor.js";

/**
 * A file tensor as 32-bit floats, of the same shape. F16 and BF16 are exact; F64 and integers are rounded to
 * nearest; BOOL becomes 0 or 1. An F32 tensor keeps its array: what is written into one is seen in the other.
 */
export function toFloatTensor(tensor: FileTensor): FloatTensor {
  return { shape: tensor.shape, data: toFloats(tensor) };
}

/** The tensors of a map as 32-bit floats ({@link toFloatTensor}), in the same order. */
export function floatMap(tensors: TensorMap): Map<string, FloatTensor> {
  return new Map([...tensors].map(([name, tensor]) => [name, toFloatTensor(tensor)]));
}

function toFloats({ dtype, data }: FileTensor): Float32Array {
  switch (dtype) {
    case "F32":
      return data;
    case "F16":
      return Float32Array.from(data, halfToFloat);
    case "BF16":
      return bfloatsToFloats(data);
    case "I64":
      return Float32Array.from(data, Number);
    case "BOOL":
      return Float32Array.from(data, (value) => (value === 0 ? 0 : 1));
    default:
      return Float32Array.from(data);
  }
}

/** IEEE 754 binary16: sign, 5 bits of exponent (bias 15), 10 of fraction. */
function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** bfloat16 is the upper half of a binary32. */
function bfloatsToFloats(data: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(data, (bits) => bits << 16).buffer);
}
