import { expect } from "vitest";

// A reader of its own, from the formats' documents: bit by bit, no table, no code of the writer.

/** CRC-32C by polynomial division, bit by bit. */
function bitwiseCrc(bytes: Uint8Array): bigint {
  let crc = 0xffffffffn;
  for (const byte of bytes) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ 0x82f63b78n : crc >> 1n;
  }
  return crc ^ 0xffffffffn;
}

export function readRecords(file: Buffer): Buffer[] {
  const records: Buffer[] = [];
  const check = (bytes: Buffer, masked: number): void => {
    const rotated = BigInt.asUintN(32, BigInt(masked) - 0xa282ead8n);
    expect(BigInt.asUintN(32, (rotated << 15n) | (rotated >> 17n))).toBe(bitwiseCrc(bytes));
  };
  let at = 0;
  while (at < file.length) {
    const length = Number(file.readBigUInt64LE(at));
    check(file.subarray(at, at + 8), file.readUInt32LE(at + 8));
    const data = file.subarray(at + 12, at + 12 + length);
    expect(data).toHaveLength(length);
    check(data, file.readUInt32LE(at + 12 + length));
    records.push(data);
    at += 16 + length;
  }
  return records;
}

type Field = number | Buffer;

/** The fields of a message by number; fixed ones as bytes. */
function fields(message: Buffer): Map<number, Field[]> {
  const found = new Map<number, Field[]>();
  let at = 0;
  const varint = (): number => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = message.readUInt8(at++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(BigInt.asIntN(64, value));
    }
  };
  while (at < message.length) {
    const key = varint();
    const wire = key & 7;
    let value: Field;
    if (wire === 0) value = varint();
    else {
      const length = wire === 1 ? 8 : wire === 5 ? 4 : varint();
      expect([1, 2, 5]).toContain(wire);
      value = message.subarray(at, at + length);
      at += length;
    }
    found.set(key >> 3, [...(found.get(key >> 3) ?? []), value]);
  }
  expect(at).toBe(message.length);
  return found;
}

export interface ReadEvent {
  step: number;
  version?: string;
  sessionStatus?: number;
  values: { tag: string; scalar?: number; image?: number[]; encoded?: Buffer }[];
}

export function readEvent(record: Buffer): ReadEvent {
  const event = fields(record);
  const wallTime = (event.get(1)![0] as Buffer).readDoubleLE();
  expect(Math.abs(wallTime - Date.now() / 1000)).toBeLessThan(60);
  const summary = event.get(5)?.[0] as Buffer | undefined;
  const values = summary === undefined ? [] : (fields(summary).get(1) as Buffer[]);
  const version = event.get(3)?.[0]?.toString();
  const log = event.get(7)?.[0] as Buffer | undefined;
  return {
    step: (event.get(2)?.[0] ?? 0) as number,
    ...(version === undefined ? {} : { version }),
    ...(log === undefined ? {} : { sessionStatus: fields(log).get(1)![0] as number }),
    values: values.map((bytes) => {
      const value = fields(bytes);
      const tag = value.get(1)![0]!.toString();
      const image = value.get(4)?.[0] as Buffer | undefined;
      if (image === undefined) return { tag, scalar: (value.get(2)![0] as Buffer).readFloatLE() };
      const parts = fields(image);
      const numbers = [1, 2, 3].map((field) => parts.get(field)![0] as number);
      return { tag, image: numbers, encoded: parts.get(4)![0] as Buffer };
    }),
  };
}
