/** The bits of a number as IEEE 754 binary16, rounded to nearest, ties to even; beyond 65504 it is infinite. */
export function floatToHalf(value: number): number {
  FLOAT[0] = value;
  const bits = BITS[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00; // not a number
  if (magnitude >= 0x47800000) return sign | 0x7c00; // 2^16 and more
  if (magnitude < 0x38800000) return sign | halfEven(Math.abs(FLOAT[0]) * 2 ** 24); // subnormal, below 2^-14
  // The exponent's bias falls from 127 to 15, the fraction from 23 bits to 10; a carry may reach infinity.
  return sign | halfEven((magnitude - (112 << 23)) / 2 ** 13);
}

/** The bits of numbers as {@link floatToHalf} gives them. */
export function toHalves(values: Float32Array): Uint16Array {
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) halves[i] = floatToHalf(values[i]!);
  return halves;
}

const FLOAT = new Float32Array(1);
const BITS = new Uint32Array(FLOAT.buffer);

/** The nearest whole number of a positive one, the even one of two. */
function halfEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  return below + (rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? 1 : 0);
}
