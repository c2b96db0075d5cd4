import { type FileHandle, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { EventWriter } from "../../src/formats/tensorboard.js";
import { crc32c, encodeRecord } from "../../src/formats/tfrecord.js";
import { type ReadEvent, readEvent, readRecords } from "./event-reader.js";

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
