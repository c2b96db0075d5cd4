/** One part of a `.pict`: its length as a big-endian u32, then its bytes. */
export function part(content: string | Uint8Array): Buffer {
  const bytes = Buffer.from(content);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

export function floats(values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [i, value] of values.entries()) bytes.writeFloatLE(value, 4 * i);
  return bytes;
}

/** A `.pict` of parts that need not fit together. */
export function pict(shapes: unknown, levels: readonly number[], codes: readonly number[]): Buffer {
  return Buffer.concat([part(JSON.stringify(shapes)), part(floats(levels)), part(Buffer.from(codes))]);
}
