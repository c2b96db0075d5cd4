import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  EXTRACT_LIMITS,
  type ExtractLimits,
  isWanted,
  safeSegments,
} from "../../src/data/download/entries.js";
import { type Extracted, extractImages } from "../../src/data/download/extract.js";
import { createDirectoryAtomic } from "../../src/formats/atomic.js";
import { failure, temporaryFolder } from "../data/files.js";
import { type Members, makeTarGz, makeZip } from "./archives.js";

const root = temporaryFolder("extract");
let count = 0;

/** Extracts into `OUT` of a folder of its own, as the commands do. */
function extract(
  archive: Uint8Array,
  limits: Partial<ExtractLimits> = {},
  folders = ["trainA"],
): { result: Promise<Extracted>; out: string; around: string } {
  const around = join(root, String(count++));
  mkdirSync(around);
  const path = join(around, "set.archive");
  writeFileSync(path, archive);
  const out = join(around, "out");
  const result = createDirectoryAtomic(out, (partial) =>
    extractImages(partial, {
      archive: path,
      folders,
      limits: { ...EXTRACT_LIMITS, ...limits },
      signal: new AbortController().signal,
      onProgress: () => undefined,
    }),
  );
  return { result, out, around };
}

const bytesOf = (text: string) => Buffer.from(text);
const good: Members = [
  ["set/trainA/1.jpg", bytesOf("one")],
  ["set/trainA/deep/2.PNG", bytesOf("two")],
  ["set/trainB/1.jpg", bytesOf("three")],
];
const more: Members = [
  ["set/readme.txt", bytesOf("text")],
  ["set/run.sh", bytesOf("#!/bin/sh")],
  ["__MACOSX/set/trainA/._1.jpg", bytesOf("fork")],
  ["set/trainA/.hidden.jpg", bytesOf("hidden")],
];

const makers = [
  ["zip", makeZip],
  ["tar.gz", makeTarGz],
] as const;

describe.each(makers)("a good %s", (_, make) => {
  it("gives its images, without the folder around them, and nothing else", async () => {
    const { result, out, around } = extract(await make([...good, ...more]));
    // "set" and "__MACOSX" are two folders: what is left out does not count.
    expect(await result).toEqual({ images: 3, bytes: 11, leftOut: 4 });
    expect(readdirSync(out, { recursive: true }).sort()).toEqual([
      "trainA",
      "trainA/1.jpg",
      "trainA/deep",
      "trainA/deep/2.PNG",
      "trainB",
      "trainB/1.jpg",
    ]);
    expect(readFileSync(join(out, "trainA/deep/2.PNG"), "utf8")).toBe("two");
    expect(readdirSync(around).sort()).toEqual(["out", "set.archive"]);
  });

  it("may lack the folder around", async () => {
    const { result, out } = extract(await make([["trainA/1.jpg", bytesOf("one")]]));
    await result;
    expect(readdirSync(out, { recursive: true }).sort()).toEqual(["trainA", "trainA/1.jpg"]);
  });
});

/** A file whose bytes deflate cannot shrink. */
const noise = (length: number) =>
  Buffer.from(Array.from({ length }, (_, i) => (i * i * 31 + (i >> 3)) & 0xff));
const bomb: Members = [["set/trainA/1.png", Buffer.alloc(5_000_000)]];
const small = { freeBytes: 10_000 };

/** A zip whose directory says that a large entry is small. */
async function lyingZip(): Promise<Buffer> {
  const zip = await makeZip(bomb);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(5_000_000);
  const little = Buffer.alloc(4);
  little.writeUInt32LE(100);
  for (let at = zip.indexOf(size); at >= 0; at = zip.indexOf(size, at)) little.copy(zip, at);
  return zip;
}

describe("a bad archive", () => {
  const evil = (name: string): Members => [...good, [name, bytesOf("evil")]];
  const link = (type: "symlink" | "link") => ({
    name: "set/trainA/x.jpg",
    size: 0,
    type,
    linkname: "/etc/passwd",
  });

  it.each<[string, () => Promise<Buffer>, Partial<ExtractLimits>, RegExp]>([
    [
      "zip with ../",
      () => makeZip(evil("set/../../evil.jpg")),
      {},
      /"set\/\.\.\/\.\.\/evil.jpg" is not a path/,
    ],
    ["tar with ../", () => makeTarGz(evil("../evil.jpg")), {}, /"\.\.\/evil.jpg" is not a path/],
    ["zip with an absolute path", () => makeZip(evil("/tmp/evil.jpg")), {}, /is not a path/],
    ["tar with an absolute path", () => makeTarGz(evil("/tmp/evil.jpg")), {}, /is not a path/],
    ["zip with a Windows path", () => makeZip(evil("..\\evil.jpg")), {}, /is not a path/],
    ["zip with a drive", () => makeZip(evil("C:evil.jpg")), {}, /is not a path/],
    [
      "zip with a link",
      () => makeZip([["set/trainA/x.jpg", bytesOf("/etc/passwd")]], { unixMode: 0o120777 }),
      {},
      /link or a special file/,
    ],
    ["tar with a symbolic link", () => makeTarGz(good, [link("symlink")]), {}, /link or a special file/],
    ["tar with a hard link", () => makeTarGz(good, [link("link")]), {}, /link or a special file/],
    [
      "tar with a device",
      () => makeTarGz(good, [{ name: "set/trainA/x.jpg", size: 0, type: "character-device" }]),
      {},
      /link or a special file/,
    ],
    [
      "zip with two of a name",
      () => makeZip([...good.slice(0, 1), ["set//trainA/1.jpg", bytesOf("x")]]),
      {},
      /two entries/,
    ],
    ["tar with two of a name", () => makeTarGz([...good, good[0]!]), {}, /two entries/],
    [
      "tar with a file below a file",
      () => makeTarGz([...good, ["set/trainA/1.jpg/2.jpg", bytesOf("x")]]),
      {},
      /two entries/,
    ],
    ["zip bomb", () => makeZip(bomb), small, /grow to more than/],
    ["zip bomb that lies about its size", lyingZip, small, /grow to more than|damaged/],
    ["tar bomb", () => makeTarGz(bomb), small, /grow to more than/],
    [
      "tar bomb in a file that nobody wants",
      () => makeTarGz([...good, ["set/x.txt", Buffer.alloc(5_000_000)]]),
      small,
      /grow/,
    ],
    [
      "gzip bomb without a tar",
      async () => gzipSync(Buffer.alloc(5_000_000)),
      small,
      /grow to more than|no images/,
    ],
    ["zip with too many entries", () => makeZip(good), { entries: 2 }, /more than 2 entries/],
    ["tar with too many entries", () => makeTarGz(good), { entries: 2 }, /more than 2 entries/],
    ["zip cut short", async () => (await makeZip(good)).subarray(0, -30), {}, /damaged/],
    [
      "zip cut in half",
      async () => (await makeZip([["trainA/1.png", noise(4000)]])).subarray(0, 2000),
      {},
      /damaged/,
    ],
    [
      "tar.gz cut in half",
      async () => (await makeTarGz([["trainA/1.png", noise(4000)]])).subarray(0, 2000),
      {},
      /damaged/,
    ],
    [
      "gzip of a tar cut short",
      async () => gzipSync(gunzipSync(await makeTarGz([["trainA/1.png", noise(4000)]])).subarray(0, 2000)),
      {},
      /damaged.*truncated/,
    ],
    ["gzip of noise", async () => gzipSync(noise(700)), {}, /damaged/],
    [
      "web page",
      async () => bytesOf("<!DOCTYPE html><html>"),
      {},
      /no archive, it begins with "<!DOCTYPE html>/,
    ],
    ["empty file", async () => Buffer.alloc(0), {}, /no archive/],
    ["zip without images", () => makeZip(more.slice(0, 2)), {}, /holds no images/],
    ["empty tar", () => makeTarGz([]), {}, /holds no images/],
    [
      "zip of another set",
      () => makeZip([["other/1.jpg", bytesOf("x")]]),
      {},
      /no folders trainA, but other/,
    ],
  ])("%s: refused whole, nothing is left", async (_, make, limits, message) => {
    const { result, around } = extract(await make(), limits);
    const error = await failure(result);
    expect(error.code, error.message).toBe("E_ARCHIVE");
    expect(error.message).toMatch(message);
    expect(readdirSync(around)).toEqual(["set.archive"]);
    expect(existsSync(join(root, "evil.jpg"))).toBe(false);
  });

  it("with one bit changed is found out by its checksum", async () => {
    const zip = await makeZip([["trainA/1.png", noise(4000)]], { level: 0 });
    zip[1000]! ^= 1;
    expect((await failure(extract(zip).result)).message).toMatch(/damaged/);
    const tar = await makeTarGz([["trainA/1.png", noise(4000)]]);
    tar[tar.length - 6]! ^= 1;
    expect((await failure(extract(tar).result)).message).toMatch(/damaged/);
  });
});

describe("safeSegments", () => {
  it("never leads outside, whatever the name", () => {
    const part = fc.constantFrom("..", ".", "", "a", "...", "..a", "\\", "/", "C:", "\0", " ", "b.jpg");
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), fc.constantFrom("/", "\\", ""), (parts, separator) => {
        const segments = safeSegments(parts.join(separator));
        if (segments === undefined) return;
        expect(join("/root/of/all", ...segments).startsWith("/root/of/all")).toBe(true);
        expect(segments.join("").includes("\\")).toBe(false);
      }),
    );
  });

  it("takes ordinary names", () => {
    expect(safeSegments("./maps/train//1 (ü).jpg")).toEqual(["maps", "train", "1 (ü).jpg"]);
    expect(isWanted(["maps", "1.JPeG"])).toBe(true);
    expect(isWanted(["maps", "1.jpg.exe"])).toBe(false);
  });
});
