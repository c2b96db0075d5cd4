import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PixcycleError } from "../../src/errors.js";
import { BYTES_PER_ELEMENT, tensorFromBytes } from "../../src/formats/dtype.js";
import { decodeSafetensors, encodeSafetensors } from "../../src/formats/safetensors.js";
import type { FileDType, FileTensor, TensorMap } from "../../src/formats/tensor.js";

const DTYPES = Object.keys(BYTES_PER_ELEMENT) as FileDType[];

const tensorArbitrary: fc.Arbitrary<FileTensor> = fc
  .tuple(fc.constantFrom(...DTYPES), fc.array(fc.nat(4), { maxLength: 4 }))
  .chain(([dtype, shape]) => {
    const bytes = shape.reduce((a, b) => a * b, 1) * BYTES_PER_ELEMENT[dtype];
    return fc
      .uint8Array({ minLength: bytes, maxLength: bytes })
      .map((raw) => tensorFromBytes(dtype, shape, raw.slice()));
  });

const nameArbitrary = fc
  .oneof(
    fc.string({ unit: "grapheme" }),
    fc.constantFrom("__proto__", "constructor", "model.1.weight", '"\\'),
  )
  .filter((name) => name !== "__metadata__");

/** The raw bytes of a tensor, so that NaNs compare too. */
const raw = ({ data }: FileTensor): Uint8Array =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();

function comparable(tensors: TensorMap): Map<string, unknown> {
  return new Map([...tensors].map(([name, t]) => [name, { dtype: t.dtype, shape: t.shape, bytes: raw(t) }]));
}

/** A file from a header text and a number of data bytes. */
function file(header: string, dataBytes: number): Uint8Array {
  const json = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

function refusal(bytes: Uint8Array): string {
  try {
    decodeSafetensors(bytes, "net.safetensors");
  } catch (error) {
    expect(error).toBeInstanceOf(PixcycleError);
    expect((error as PixcycleError).code).toBe("E_FILE_FORMAT");
    expect((error as PixcycleError).message).toMatch(/^net\.safetensors: /);
    return (error as PixcycleError).message;
  }
  throw new Error("the file was accepted");
}

describe("safetensors round trip", () => {
  it("gives back every dtype, shape, name and metadata, at any alignment of the buffer", () => {
    const metadata = fc.dictionary(
      fc.string().filter((k) => k !== "__proto__"),
      fc.string(),
      { maxKeys: 3 },
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(nameArbitrary, tensorArbitrary), { maxLength: 6 }),
        metadata,
        fc.nat(9),
        (pairs, meta, shift) => {
          const tensors: TensorMap = new Map(pairs);
          const encoded = encodeSafetensors(tensors, meta);
          const shifted = new Uint8Array(encoded.length + shift);
          shifted.set(encoded, shift);
          const decoded = decodeSafetensors(shifted.subarray(shift), "memory");
          expect(comparable(decoded.tensors)).toEqual(comparable(tensors));
          expect({ ...decoded.metadata }).toEqual({ ...meta });
        },
      ),
    );
  });

  it("keeps the order of names and aligns every tensor for viewing", () => {
    const tensors: TensorMap = new Map<string, FileTensor>([
      ["flag", { dtype: "BOOL", shape: [3], data: Uint8Array.of(1, 0, 1) }],
      ["weight", { dtype: "F32", shape: [2], data: Float32Array.of(1.5, -2) }],
      ["half", { dtype: "F16", shape: [1], data: Uint16Array.of(0x3c00) }],
      ["count", { dtype: "I64", shape: [], data: BigInt64Array.of(7n) }],
    ]);
    const bytes = encodeSafetensors(tensors);
    const decoded = decodeSafetensors(bytes, "memory").tensors;
    expect([...decoded.keys()]).toEqual(["flag", "weight", "half", "count"]);
    for (const { data } of decoded.values()) expect(data.buffer).toBe(bytes.buffer);
    expect(decoded).toEqual(tensors);
  });

  it("refuses to write a tensor whose data and shape disagree", () => {
    const wrong: TensorMap = new Map([["w", { dtype: "F32", shape: [2, 2], data: new Float32Array(3) }]]);
    expect(() => encodeSafetensors(wrong)).toThrow('Tensor "w": F32 [2, 2] needs 4 elements, got 3.');
    const reserved: TensorMap = new Map([
      ["__metadata__", { dtype: "F32", shape: [], data: new Float32Array(1) }],
    ]);
    expect(() => encodeSafetensors(reserved)).toThrow("cannot be named __metadata__");
  });
});

describe("safetensors refuses malformed files, saying what and where", () => {
  const entry = (dtype: string, shape: string, begin: number, end: number): string =>
    `{"dtype":"${dtype}","shape":${shape},"data_offsets":[${begin},${end}]}`;
  const hugeHeader = new Uint8Array(16);
  new DataView(hugeHeader.buffer).setBigUint64(0, 100_000_001n, true);
  const maximalHeader = new Uint8Array(16).fill(0xff);

  const cases: [problem: string, bytes: Uint8Array, message: RegExp][] = [
    ["empty", new Uint8Array(0), /0 bytes, too short/],
    ["seven bytes", new Uint8Array(7), /7 bytes, too short/],
    ["header above 100 MB", hugeHeader, /header length 100000001 is above the format's 100 MB limit/],
    ["header length of all ones", maximalHeader, /header length 18446744073709551615 is above/],
    ["header longer than the file", file("{}", 0).subarray(0, 9), /header ends at byte 10.* only 9/],
    ["not an object", file("[1]", 0), /does not begin with '\{'/],
    ["leading space", file(" {}", 0), /does not begin with '\{'/],
    ["broken JSON", file('{"a":', 0), /not valid UTF-8 JSON/],
    ["invalid UTF-8", file("{}", 0).with(9, 0xff), /not valid UTF-8 JSON/],
    ["deep JSON", file(`{"a":${"[".repeat(1e6)}`, 0), /not valid UTF-8 JSON/],
    ["entry is a number", file('{"a":5}', 0), /tensor "a": entry/],
    ["no dtype", file('{"a":{"shape":[],"data_offsets":[0,4]}}', 4), /tensor "a": dtype/],
    [
      "extra field",
      file(`{"a":${entry("F32", "[1]", 0, 4).replace("{", '{"x":1,')}}`, 4),
      /tensor "a": entry/,
    ],
    ["unknown dtype", file(`{"a":${entry("U64", "[1]", 0, 8)}}`, 8), /tensor "a" has dtype "U64"/],
    ["inherited name as dtype", file(`{"a":${entry("toString", "[1]", 0, 8)}}`, 8), /has dtype "toString"/],
    ["negative size", file(`{"a":${entry("F32", "[-1]", 0, 4)}}`, 4), /tensor "a": shape\.0/],
    ["fractional size", file(`{"a":${entry("F32", "[1.5]", 0, 6)}}`, 6), /tensor "a": shape\.0/],
    [
      "size overflow",
      file(`{"a":${entry("F32", "[4294967296,4294967296]", 0, 4)}}`, 4),
      /shape \[4294967296, 4294967296\] is too large/,
    ],
    ["offsets against shape", file(`{"a":${entry("F32", "[2]", 0, 4)}}`, 4), /takes 8 bytes.* hold 4/],
    ["reversed offsets", file(`{"a":${entry("F32", "[1]", 4, 0)}}`, 4), /\[4, 0\] hold -4/],
    [
      "overlap",
      file(`{"a":${entry("F32", "[1]", 0, 4)},"b":${entry("F32", "[1]", 2, 6)}}`, 6),
      /tensor "b" overlaps another at data byte 2/,
    ],
    [
      "the same bytes twice",
      file(`{"a":${entry("U8", "[4]", 0, 4)},"b":${entry("U8", "[4]", 0, 4)}}`, 4),
      /tensor "b" overlaps another at data byte 0/,
    ],
    [
      "gap",
      file(`{"a":${entry("U8", "[1]", 0, 1)},"b":${entry("U8", "[1]", 3, 4)}}`, 4),
      /data bytes 1 to 3, before tensor "b", belong to no tensor/,
    ],
    ["gap at the start", file(`{"a":${entry("U8", "[1]", 1, 2)}}`, 2), /data bytes 0 to 1/],
    [
      "cut short",
      file(`{"a":${entry("F32", "[2]", 0, 8)}}`, 7),
      /need 8 data bytes.* holds 7; it is cut short/,
    ],
    ["trailing bytes", file(`{"a":${entry("F32", "[2]", 0, 8)}}`, 9), /1 bytes after the last tensor/],
    [
      "metadata of numbers",
      file('{"__metadata__":{"epoch":5}}', 0),
      /__metadata__ is not a map from text to text/,
    ],
    [
      "a name with terminal codes",
      file(`{"\\u001b[2J\\u202e":${entry("U64", "[1]", 0, 8)}}`, 8),
      /tensor "\\u001b\[2J\?" has dtype/,
    ],
  ];

  it.each(cases)("%s", (_, bytes, message) => {
    expect(refusal(bytes)).toMatch(message);
  });

  it("every file cut at any byte", () => {
    const bytes = encodeSafetensors(
      new Map([["w", { dtype: "F32", shape: [3], data: Float32Array.of(1, 2, 3) }]]),
    );
    for (let length = 0; length < bytes.length; length++) refusal(bytes.subarray(0, length));
  });

  it("never fails with anything but its own error, on any bytes", () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(64), (json, size) => {
        try {
          decodeSafetensors(file(json, size), "fuzz");
        } catch (error) {
          expect(error).toBeInstanceOf(PixcycleError);
        }
      }),
      { numRuns: 300 },
    );
  });
});
