import { type FileHandle, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { EventWriter } from "../../src/formats/tensorboard.js";
import { crc32c, encodeRecord } from "../../src/formats/tfrecord.js";

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

function readRecords(file: Buffer): Buffer[] {
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

interface ReadEvent {
  step: number;
  version?: string;
  sessionStatus?: number;
  values: { tag: string; scalar?: number; image?: number[]; encoded?: Buffer }[];
}

function readEvent(record: Buffer): ReadEvent {
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

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "pixcycle-events-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function events(): Promise<ReadEvent[]> {
  const names = await readdir(folder);
  expect(names).toHaveLength(1);
  expect(names[0]).toMatch(/^events\.out\.tfevents\.\d{10}\./);
  return readRecords(await readFile(path.join(folder, names[0]!))).map(readEvent);
}

describe("TFRecord", () => {
  it("CRC-32C gives the published check values", () => {
    expect(crc32c(new TextEncoder().encode("123456789"))).toBe(0xe3069283);
    // RFC 3720, appendix B.4.
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
  });

  it("frames empty data too", () => {
    expect(readRecords(Buffer.from(encodeRecord(new Uint8Array(0))))).toHaveLength(1);
  });
});

describe("EventWriter", () => {
  it("writes scalars that an independent reader gives back, infinities and NaN included", async () => {
    const writer = await EventWriter.open(folder);
    await writer.scalars(0, { "loss/G_GAN": 0.75, "loss/D_réel": -1e-3 });
    await writer.scalars(2 ** 40, { bad: Number.NaN, worse: Number.POSITIVE_INFINITY });
    await writer.close();
    expect(await events()).toEqual([
      { step: 0, version: "brain.Event:2", values: [] },
      {
        step: 0,
        values: [
          { tag: "loss/G_GAN", scalar: 0.75 },
          { tag: "loss/D_réel", scalar: Math.fround(-1e-3) },
        ],
      },
      {
        step: 2 ** 40,
        values: [
          { tag: "bad", scalar: Number.NaN },
          { tag: "worse", scalar: Number.POSITIVE_INFINITY },
        ],
      },
    ]);
  });

  it("writes images whose pixels come back", async () => {
    const pixels = Buffer.from(Array.from({ length: 3 * 2 * 3 }, (_, i) => i * 13));
    const encoded = await sharp(pixels, { raw: { width: 3, height: 2, channels: 3 } })
      .png()
      .toBuffer();
    const writer = await EventWriter.open(folder);
    await writer.image(7, "samples/fake_B", { width: 3, height: 2, channels: 3, encoded });
    await writer.close();
    const [, { step, values }] = (await events()) as [ReadEvent, ReadEvent];
    expect(step).toBe(7);
    expect(values[0]).toMatchObject({ tag: "samples/fake_B", image: [2, 3, 3] });
    expect(await sharp(values[0]!.encoded!).raw().toBuffer()).toEqual(pixels);
  });

  it("keeps the order of calls that do not wait for each other", async () => {
    const writer = await EventWriter.open(folder);
    const steps = Array.from({ length: 50 }, (_, step) => step);
    await Promise.all(steps.map((step) => writer.scalars(step, { loss: step })));
    await writer.close();
    expect((await events()).slice(1).map(({ step }) => step)).toEqual(steps);
  });

  it("tells TensorBoard where a resumed run goes on", async () => {
    const writer = await EventWriter.open(folder, { resumeStep: 300 });
    await writer.close();
    expect((await events())[1]).toEqual({ step: 300, sessionStatus: 1, values: [] });
  });

  it("leaves no half record when the disk fills up, and goes on afterwards", async () => {
    const writer = await EventWriter.open(folder);
    const { handle } = writer as unknown as { handle: FileHandle };
    vi.spyOn(handle, "appendFile").mockImplementationOnce(async () => {
      await handle.write(Buffer.from("half a rec"));
      throw Object.assign(new Error("ENOSPC"), { code: "ENOSPC" });
    });
    const lost = writer.scalars(1, { loss: 1 });
    const kept = writer.scalars(2, { loss: 2 });
    await expect(lost).rejects.toMatchObject({
      code: "E_FILE_WRITE",
      message: expect.stringContaining("disk is full"),
    });
    await kept;
    await writer.close();
    expect((await events()).map(({ step }) => step)).toEqual([0, 2]);
  });

  it("says so when the folder is not there", async () => {
    await expect(EventWriter.open(path.join(folder, "no"))).rejects.toMatchObject({ code: "E_FILE_WRITE" });
  });
});
