import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { convertChannels } from "../../src/data/channels.js";
import { decodeImage, encodeImage, MAX_PIXELS, readImageHeader } from "../../src/data/image.js";
import { type Image, imageToTensor, tensorToImage } from "../../src/data/pixels.js";
import { PixcycleError } from "../../src/errors.js";
import { failure, noiseImage, temporaryFolder } from "./files.js";

const folder = temporaryFolder("image");

/** 2×2, 32-bit float, as PIL writes it. */
const FLOAT_TIFF =
  "SUkqAAgAAAAKAAABBAABAAAAAgAAAAEBBAABAAAAAgAAAAIBAwABAAAAIAAAAAMBAwABAAAAAQAAAAYBAwABAAAAAQAAABEBBAAB" +
  "AAAAhgAAABYBBAABAAAAAgAAABcBBAABAAAAEAAAABwBAwABAAAAAQAAAFMBAwABAAAAAwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

interface DecodeCase {
  name: string;
  size: [number, number];
  file: string;
  rgb: string;
  gray: string;
}

const decodeCases: DecodeCase[] = JSON.parse(
  readFileSync(new URL("../fixtures/pil_decode.json", import.meta.url), "utf8"),
);

describe("decodeImage", () => {
  it.each(decodeCases)("equals PIL: $name", async ({ size, file, rgb, gray }) => {
    const bytes = Buffer.from(file, "base64");
    const colour = await decodeImage(bytes, { channels: 3 });
    expect([colour.width, colour.height]).toEqual(size);
    expect(Buffer.from(colour.data.buffer).equals(Buffer.from(rgb, "base64"))).toBe(true);
    const luma = await decodeImage(bytes, { channels: 1 });
    expect(Array.from(luma.data)).toEqual(Array.from(Buffer.from(gray, "base64")));
  });

  it.each(
    (["png", "tiff", "webp"] as const).flatMap((format) =>
      ([8, 16] as const).flatMap((depth) =>
        [1, 2, 3, 4, 5, 9].map((channels) => ({ format, depth, channels })),
      ),
    ),
  )("brings back what encodeImage wrote: $format, $depth bits, $channels channels", async (test) => {
    const image = noiseImage(13, 7, test.channels, test.depth);
    const impossible =
      (test.format === "webp" && test.depth === 16) || (test.format !== "tiff" && test.channels > 4);
    if (impossible) {
      expect((await failure(encodeImage(image, test.format))).code).toBe("E_OPTION_CONFLICT");
      return;
    }
    const decoded = await decodeImage(await encodeImage(image, test.format), { channels: test.channels });
    expect(decoded).toEqual(image);
  });

  it("writes JPEGs close to the image, and refuses 16 bits and alpha", async () => {
    const smooth = Uint8Array.from({ length: 24 * 24 * 3 }, (_, i) => 60 + Math.floor(i / 24));
    const image: Image = { width: 24, height: 24, channels: 3, depth: 8, data: smooth };
    const decoded = await decodeImage(await encodeImage(image, "jpeg"));
    const worst = Math.max(...decoded.data.map((value, i) => Math.abs(value - smooth[i]!)));
    expect(worst).toBeLessThanOrEqual(4);
    expect((await failure(encodeImage(noiseImage(4, 4, 3, 16), "jpeg"))).code).toBe("E_OPTION_CONFLICT");
    expect((await failure(encodeImage(noiseImage(4, 4, 4, 8), "jpeg"))).code).toBe("E_OPTION_CONFLICT");
  });

  it("reads the first frame of an animation", async () => {
    const frames = Buffer.concat([Buffer.alloc(8 * 8 * 3, 0), Buffer.alloc(8 * 8 * 3, 255)]);
    const gif = await sharp(frames, { raw: { width: 8, height: 16, channels: 3, pageHeight: 8 } })
      .gif()
      .toBuffer();
    expect((await sharp(gif).metadata()).pages).toBe(2);
    const image = await decodeImage(gif, { channels: 3 });
    expect([image.width, image.height]).toEqual([8, 8]);
    expect(new Set(image.data)).toEqual(new Set([0]));
  });

  it("blends transparency over white only when asked", async () => {
    const image: Image = {
      width: 3,
      height: 1,
      channels: 4,
      depth: 8,
      data: Uint8Array.of(10, 20, 30, 0, 10, 20, 30, 255, 0, 100, 255, 51),
    };
    const file = await encodeImage(image, "png");
    const dropped = await decodeImage(file, { channels: 3 });
    expect(Array.from(dropped.data)).toEqual([10, 20, 30, 10, 20, 30, 0, 100, 255]);
    const blended = await decodeImage(file, { channels: 3, onWhite: true });
    expect(Array.from(blended.data)).toEqual([255, 255, 255, 10, 20, 30, 204, 224, 255]);
  });
});

describe("bad files", () => {
  it("names a missing file", async () => {
    const path = join(folder, "none.png");
    for (const read of [decodeImage, readImageHeader]) {
      const error = await failure(read(path));
      expect(error.toLine()).toBe(`E_IMAGE_READ: ${path}: no such file. Check the path and its permissions.`);
    }
  });

  it.each([
    ["text.png", "hello, I am text"],
    ["empty.png", ""],
  ])("knows that %s is no image", async (name, content) => {
    const path = join(folder, name);
    writeFileSync(path, content);
    const error = await failure(decodeImage(path));
    expect(error.code).toBe("E_IMAGE_READ");
    expect(error.message).toContain(`${path} is not an image`);
  });

  it.each(["jpeg", "png", "tiff", "webp"] as const)("refuses a %s cut short anywhere", async (format) => {
    const whole = await encodeImage(noiseImage(64, 48, 3, 8), format);
    for (const kept of [0.03, 0.3, 0.6, 0.97]) {
      const path = join(folder, `cut-${kept}.${format}`);
      writeFileSync(path, whole.subarray(0, Math.floor(whole.length * kept)));
      const error = await failure(decodeImage(path));
      expect(error.code).toBe("E_IMAGE_READ");
      expect(error.message).toContain(path);
      expect(error.toLine()).not.toContain("\n");
    }
  });

  it("refuses other formats and other samples", async () => {
    const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>');
    expect((await failure(decodeImage(svg))).message).toBe("The image is a svg file.");
    expect((await failure(decodeImage(Buffer.from(FLOAT_TIFF, "base64")))).message).toBe(
      "The image holds float samples.",
    );
  });

  it("refuses 20,000×20,000 from the header: at once and without memory", async () => {
    const path = join(folder, "huge.png");
    const png = Buffer.from(await encodeImage(noiseImage(8, 8, 3, 8), "png"));
    // Width and height are the first fields of the IHDR chunk, whose checksum covers its type and data.
    png.writeUInt32BE(20_000, 16);
    png.writeUInt32BE(20_000, 20);
    png.writeUInt32BE(crc32(png.subarray(12, 29)), 29);
    writeFileSync(path, png);
    const before = process.memoryUsage().rss;
    const start = performance.now();
    const error = await failure(decodeImage(path));
    expect(performance.now() - start).toBeLessThan(500);
    expect(process.memoryUsage().rss - before).toBeLessThan(50 * 2 ** 20);
    expect(error.code).toBe("E_IMAGE_SIZE");
    expect(error.message).toContain("20000×20000");
    expect(20_000 ** 2).toBeGreaterThan(MAX_PIXELS);
  });

  it("accepts 1×1", async () => {
    const path = join(folder, "one.png");
    writeFileSync(path, await encodeImage(noiseImage(1, 1, 3, 8), "png"));
    expect(await readImageHeader(path)).toEqual({
      width: 1,
      height: 1,
      channels: 3,
      depth: 8,
      format: "png",
    });
    expect((await decodeImage(path)).data.length).toBe(3);
  });
});

describe("convertChannels", () => {
  const convert = (data: number[], channels: number, wanted: number) =>
    Array.from(
      convertChannels({ width: 1, height: 1, channels, depth: 8, data: Uint8Array.from(data) }, wanted).data,
    );

  it("follows PIL between L, LA, RGB and RGBA", () => {
    expect(convert([7], 1, 3)).toEqual([7, 7, 7]);
    expect(convert([7], 1, 4)).toEqual([7, 7, 7, 255]);
    expect(convert([7, 9], 2, 4)).toEqual([7, 7, 7, 9]);
    expect(convert([7, 9], 2, 3)).toEqual([7, 7, 7]);
    expect(convert([255, 0, 0], 3, 1)).toEqual([76]);
    expect(convert([0, 255, 0, 3], 4, 2)).toEqual([150, 3]);
    expect(convert([1, 2, 3, 4], 4, 3)).toEqual([1, 2, 3]);
  });

  it("keeps the range of 16-bit luma", () => {
    const white = {
      width: 1,
      height: 1,
      channels: 3,
      depth: 16,
      data: new Uint16Array(3).fill(65535),
    } as const;
    expect(convertChannels(white, 1).data[0]).toBe(65535);
  });

  it("refuses to guess beyond four channels", () => {
    expect(() => convert([1, 2, 3, 4, 5], 5, 3)).toThrow("The image has 5 channels, not 3.");
    expect(() => convert([1, 2, 3], 3, 6)).toThrow(PixcycleError);
  });
});

describe("tensors", () => {
  it("normalises in 32-bit floats as ToTensor and Normalize(0.5, 0.5) do, in planes", () => {
    const tensor = imageToTensor({
      width: 2,
      height: 1,
      channels: 3,
      depth: 8,
      data: Uint8Array.of(0, 128, 255, 1, 2, 3),
    });
    expect(tensor.shape).toEqual([3, 1, 2]);
    const normalised = (v: number) => Math.fround(Math.fround(Math.fround(v / 255) - 0.5) / 0.5);
    expect(Array.from(tensor.data)).toEqual([0, 1, 128, 2, 255, 3].map(normalised));
  });

  it("survives the way to a tensor and back, at 8 and 16 bits", () => {
    for (const depth of [8, 16] as const) {
      const every = Array.from({ length: 2 ** depth }, (_, v) => v);
      const data = depth === 8 ? Uint8Array.from(every) : Uint16Array.from(every);
      const image: Image = { width: 2 ** (depth / 2), height: 2 ** (depth / 2), channels: 1, depth, data };
      expect(tensorToImage(imageToTensor(image), depth)).toEqual(image);
    }
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 6 }),
        (width, height, channels) => {
          const image = noiseImage(width, height, channels, 8);
          expect(tensorToImage(imageToTensor(image))).toEqual(image);
        },
      ),
    );
  });

  it("clamps what is outside, and makes NaN black", () => {
    const tensor = { shape: [1, 1, 5], data: Float32Array.of(-3, 2, Number.NaN, 0, Infinity) };
    expect(Array.from(tensorToImage(tensor).data)).toEqual([0, 255, 0, 128, 255]);
    expect(() => tensorToImage({ shape: [1, 5], data: new Float32Array(5) })).toThrow("[C, H, W]");
  });
});
