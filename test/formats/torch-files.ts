import { Uint8ArrayReader, Uint8ArrayWriter, ZipWriter } from "@zip.js/zip.js";
import { packTar } from "modern-tar";
import { PixcycleError } from "../../src/errors.js";
import type { ByteSource } from "../../src/formats/byte-source.js";
import { readTensorSource } from "../../src/formats/tensor-source.js";

/** Hand-made pickles and the containers around them, for files that PyTorch would never write. */

type Part = string | number | readonly number[] | Uint8Array;

/** Bytes from text (one byte a character), byte values and byte arrays. */
export function bytes(...parts: readonly Part[]): Uint8Array {
  const pieces = parts.map((part) => {
    if (typeof part === "string") return Buffer.from(part, "latin1");
    return Buffer.from(typeof part === "number" ? [part] : part);
  });
  return new Uint8Array(Buffer.concat(pieces));
}

export function uint32(value: number): number[] {
  return [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, (value >>> 24) & 0xff];
}

export function uint64(value: number | bigint): number[] {
  return [...new Uint8Array(BigUint64Array.of(BigInt.asUintN(64, BigInt(value))).buffer)];
}

/** A pickle of protocol 2 around the given opcodes. */
export function pickle(...parts: readonly Part[]): Uint8Array {
  return bytes(0x80, 2, ...parts, ".");
}

export const text = (value: string): Uint8Array => bytes("X", uint32(value.length), value);
export const int = (value: number): Uint8Array => bytes("J", uint32(value));
export const long = (value: bigint): Uint8Array => bytes(0x8a, 8, uint64(value));
export const tuple = (...items: readonly Part[]): Uint8Array => bytes("(", ...items, "t");
export const global = (module: string, name: string): Uint8Array => bytes("c", module, "\n", name, "\n");
export const call = (target: Uint8Array, ...args: readonly Part[]): Uint8Array =>
  bytes(target, tuple(...args), "R");
export const dict = (...items: readonly Part[]): Uint8Array => bytes("}(", ...items, "u");

export const FLOAT = global("torch", "FloatStorage");

/** The persistent id of a storage. */
export function storage(
  options: { tag?: Part; cls?: Part; key?: Part; count?: Part; view?: Part } = {},
): Uint8Array {
  const { tag = text("storage"), cls = FLOAT, key = text("0"), count = int(4), view = [] } = options;
  return bytes(tuple(tag, cls, key, text("cpu"), count, view), "Q");
}

/** A tensor by `_rebuild_tensor_v2`, of 4 floats by default. */
export function tensor(
  options: { from?: Part; offset?: Part; shape?: Part; strides?: Part } = {},
): Uint8Array {
  const { from = storage(), offset = int(0), shape = tuple(int(4)), strides = tuple(int(1)) } = options;
  const hooks = call(global("collections", "OrderedDict"));
  return call(global("torch._utils", "_rebuild_tensor_v2"), from, offset, shape, strides, bytes(0x89), hooks);
}

export const FOUR_FLOATS = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);

/** A zip container, its entries stored. */
export async function zip(
  dataPickle: Uint8Array,
  entries: Readonly<Record<string, Uint8Array>> = { "archive/data/0": FOUR_FLOATS },
  level = 0,
): Promise<Uint8Array> {
  const writer = new ZipWriter(new Uint8ArrayWriter(), { level, useWebWorkers: false });
  const all = { "archive/data.pkl": dataPickle, ...entries };
  for (const [name, content] of Object.entries(all)) await writer.add(name, new Uint8ArrayReader(content));
  return writer.close();
}

export const MAGIC = pickle(0x8a, 10, [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19]);
export const PROTOCOL = pickle("M", [0xe9, 0x03]);
export const SYSTEM = pickle("}");

/** A legacy stream; `tail` is the key list and what follows it. */
export function stream(object: Uint8Array, ...tail: readonly Part[]): Uint8Array {
  const rest = tail.length > 0 ? tail : [pickle("](", text("0"), "e"), uint64(4), FOUR_FLOATS];
  return bytes(MAGIC, PROTOCOL, SYSTEM, object, ...rest);
}

export function tar(members: Readonly<Record<string, Uint8Array>>): Promise<Uint8Array> {
  return packTar(
    Object.entries(members).map(([name, body]) => ({ header: { name, size: body.length }, body })),
  );
}

export function memorySource(content: Uint8Array): ByteSource {
  return {
    where: "net.pth",
    size: content.length,
    read: async (offset, length) => content.slice(offset, offset + length) as Uint8Array<ArrayBuffer>,
  };
}

/** The coded error that a hostile or damaged file is refused with. */
export async function refusal(content: Uint8Array): Promise<PixcycleError> {
  try {
    await readTensorSource(memorySource(content));
  } catch (error) {
    if (error instanceof PixcycleError) return error;
    throw error;
  }
  throw new Error("the file was accepted");
}
