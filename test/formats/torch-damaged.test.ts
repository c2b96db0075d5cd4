import { readFile } from "node:fs/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PixcycleError } from "../../src/errors.js";
import { readTensorSource } from "../../src/formats/tensor-source.js";
import {
  bytes,
  call,
  dict,
  FLOAT,
  FOUR_FLOATS,
  global,
  int,
  long,
  MAGIC,
  memorySource,
  PROTOCOL,
  pickle,
  refusal,
  SYSTEM,
  storage,
  stream,
  tar,
  tensor,
  text,
  tuple,
  uint32,
  uint64,
  zip,
} from "./torch-files.js";

it("the hand-made files are sound: each hostile one below differs in one thing", async () => {
  const good = pickle(dict(text("w"), tensor()));
  for (const content of [await zip(good), stream(good)]) {
    const { tensors } = await readTensorSource(memorySource(content));
    expect(tensors.get("w")).toEqual({ dtype: "F32", shape: [4], data: Float32Array.of(1, 2, 3, 4) });
  }
});

describe("lies about storages and views are refused", () => {
  const cases: [what: string, object: Uint8Array, message: RegExp][] = [
    ["another tag", storage({ tag: text("module") }), /persistent id that is not a storage's/],
    ["a persistent id of text", bytes(text("0"), "Q"), /persistent id that is not a storage's/],
    ["a numeric key", storage({ key: int(0) }), /persistent id that is not a storage's/],
    ["a class that is text", storage({ cls: text("torch.FloatStorage") }), /not a storage class/],
    ["a class that is a function", storage({ cls: global("torch", "Size") }), /not a storage class/],
    ["negative count", storage({ count: int(-1) }), /not a whole number/],
    ["fractional count", storage({ count: bytes("G", 0x3f, 0xf8, 0, 0, 0, 0, 0, 0) }), /not a whole number/],
    ["count of 2^62", storage({ count: long(2n ** 62n) }), /not a whole number/],
    [
      "one key, two types",
      tuple(storage(), storage({ cls: global("torch", "HalfStorage") })),
      /storage "0" is both F32 × 4 and F16 × 4/,
    ],
    ["one key, two sizes", tuple(storage(), storage({ count: int(5) })), /both F32 × 4 and F32 × 5/],
    ["no storage", tensor({ from: int(1) }), /a tensor without a storage/],
    ["offset beyond", tensor({ offset: int(1) }), /offset 1 reaches outside its storage of 4 elements/],
    ["negative offset", tensor({ offset: int(-1) }), /offset -1 reaches outside/],
    ["offset of 2^62", tensor({ offset: long(2n ** 62n) }), /offset is not a number/],
    ["size beyond", tensor({ shape: tuple(int(5)) }), /reaches outside/],
    ["negative size", tensor({ shape: tuple(int(-4)) }), /size is not a whole number/],
    ["negative stride", tensor({ strides: tuple(int(-1)), offset: int(3) }), /size is not a whole number/],
    ["stride beyond", tensor({ shape: tuple(int(2)), strides: tuple(int(4)) }), /reaches outside/],
    [
      "strides that overflow",
      tensor({ shape: tuple(int(4), int(4)), strides: tuple(long(2n ** 52n), long(2n ** 52n)) }),
      /reaches outside/,
    ],
    [
      "sizes that overflow",
      tensor({ shape: tuple(long(2n ** 40n), long(2n ** 40n)), strides: tuple(int(0), int(0)) }),
      /is impossible/,
    ],
    ["too few strides", tensor({ shape: tuple(int(2), int(2)) }), /is impossible/],
    ["65 dimensions", tensor({ shape: tuple(...Array(65).fill(int(1))) }), /65 dimensions/],
    ["a size that is a dict", tensor({ shape: bytes("}") }), /size is not a tuple/],
    [
      "parameter without a tensor",
      call(global("torch._utils", "_rebuild_parameter"), int(1)),
      /without a tensor/,
    ],
    [
      "a terabyte out of four numbers",
      tensor({ shape: tuple(int(2 ** 30), int(256)), strides: tuple(int(0), int(0)) }),
      /its tensors take 1099511627776 bytes/,
    ],
    ["entry of another size", tensor({ from: storage({ count: int(5) }) }), /has 16 bytes, its storage 20/],
    ["a key that is not there", tensor({ from: storage({ key: text("1") }) }), /no entry "archive\/data\/1"/],
    [
      "a key that climbs out",
      tensor({ from: storage({ key: text("../../etc/passwd") }) }),
      /no entry "archive\/data\/\.\.\/\.\.\/etc\/passwd"/,
    ],
  ];

  it.each(cases)("%s", async (_, object, message) => {
    const error = await refusal(await zip(pickle(dict(text("w"), object))));
    expect(error.code).toBe("E_FILE_FORMAT");
    expect(error.message).toMatch(message);
  });

  it("an empty tensor may lie anywhere", async () => {
    const empty = tensor({ shape: tuple(int(0), int(9)), strides: tuple(int(9), int(1)) });
    const { tensors } = await readTensorSource(memorySource(await zip(pickle(dict(text("w"), empty)))));
    expect(tensors.get("w")).toEqual({ dtype: "F32", shape: [0, 9], data: new Float32Array(0) });
  });
});

describe("broken containers are refused", () => {
  const good = pickle(dict(text("w"), tensor()));
  const entry = { "archive/data/0": FOUR_FLOATS };
  const keys = (...names: string[]): Uint8Array => pickle("](", ...names.map(text), "e");
  const storages = (...rest: Uint8Array[]): Uint8Array =>
    bytes(pickle(int(1)), pickle(tuple(int(7), text("cpu"), FLOAT)), uint64(4), FOUR_FLOATS, ...rest);
  const described = (storageKey: number): Uint8Array =>
    bytes(
      pickle(int(1)),
      pickle(tuple(int(5), int(storageKey), global("torch", "FloatTensor"))),
      [1, 0, 0, 0, 0, 0, 0, 0],
      uint64(4),
      uint64(1),
      uint64(0),
    );
  const named = pickle(dict(text("w"), text("5"), "Q"));
  const oldTar = { storages: storages(pickle("]")), tensors: described(7), pickle: named };

  it("the hand-made tar is sound", async () => {
    const { tensors } = await readTensorSource(memorySource(await tar(oldTar)));
    expect(tensors.get("w")).toEqual({ dtype: "F32", shape: [4], data: Float32Array.of(1, 2, 3, 4) });
  });

  const cases: [what: string, content: Uint8Array | Promise<Uint8Array>, message: RegExp][] = [
    [
      "zip without data.pkl",
      zip(good, { ...entry }).then((z) => rename(z, "data.pkl", "data.pkx")),
      /0 entries/,
    ],
    ["zip with two data.pkl", zip(good, { ...entry, "b/data.pkl": good }), /2 entries <root>\/data\.pkl/],
    [
      "zip with two equal names",
      zip(good, { ...entry, "archive/data/1": FOUR_FLOATS }).then((z) => rename(z, "data/1", "data/0")),
      /two zip entries/,
    ],
    [
      "unknown byte order",
      zip(good, { ...entry, "archive/byteorder": bytes("middle") }),
      /byte order is "middle"/,
    ],
    ["TorchScript", zip(good, { ...entry, "archive/constants.pkl": good }), /is a TorchScript program/],
    [
      "one flipped bit in a storage",
      zip(good).then((z) => flip(z, FOUR_FLOATS)),
      /entry "archive\/data\/0" is damaged/,
    ],
    ["magic number", bytes(pickle(int(1)), PROTOCOL, SYSTEM, good), /no PyTorch magic number/],
    ["protocol 1002", bytes(MAGIC, pickle("M", [0xea, 3]), SYSTEM, good), /protocol 1002, not 1001/],
    ["keys that are not a list", stream(good, pickle("}"), uint64(4), FOUR_FLOATS), /keys are not a list/],
    ["a key of no tensor", stream(good, keys("1"), uint64(4), FOUR_FLOATS), /key "1" belongs to no tensor/],
    [
      "a key twice",
      stream(good, keys("0", "0"), uint64(4), FOUR_FLOATS, uint64(4), FOUR_FLOATS),
      /is there twice/,
    ],
    ["no keys", stream(good, keys()), /storage "0" is not in the file/],
    ["another count", stream(good, keys("0"), uint64(5), FOUR_FLOATS), /has 5 elements, its tensors say 4/],
    ["a count of 2^63", stream(good, keys("0"), uint64(2n ** 63n), FOUR_FLOATS), /impossible count/],
    [
      "a storage cut short",
      stream(good, keys("0"), uint64(4), FOUR_FLOATS.subarray(1)),
      /cut short: storage "0"/,
    ],
    [
      "a legacy view beyond its storage",
      stream(pickle(dict(text("w"), tensor({ from: storage({ view: tuple(text("v"), int(2), int(3)) }) })))),
      /a view of elements 2 to 5 of a storage of 4/,
    ],
    ["tar without tensors", tar({ storages: oldTar.storages, pickle: named }), /no member tensors/],
    [
      "tar: a tensor of no storage",
      tar({ ...oldTar, tensors: described(8) }),
      /a tensor of storage "8", not in/,
    ],
    [
      "tar: no such tensor",
      tar({ ...oldTar, pickle: pickle(dict(text("w"), text("6"), "Q")) }),
      /no tensor's key/,
    ],
    [
      "tar: view of nothing",
      tar({ ...oldTar, storages: storages(pickle("](", tuple(int(1), int(2), int(0), int(1)), "e")) }),
      /a view of storage "2", not in/,
    ],
    [
      "tar: view beyond",
      tar({ ...oldTar, storages: storages(pickle("](", tuple(int(1), int(7), int(3), int(2)), "e")) }),
      /elements 3 to 5/,
    ],
    [
      "tar: a storage twice",
      tar({ ...oldTar, storages: storages(pickle("](", tuple(int(7), int(7), int(0), int(1)), "e")) }),
      /"7" is there twice/,
    ],
    [
      "tar: a million dimensions",
      tar({ ...oldTar, tensors: dimensions(described(7), 1_000_000) }),
      /1000000 dimensions/,
    ],
    [
      "tar: a persistent id among the storages",
      tar({ ...oldTar, storages: pickle("NQ") }),
      /where none belongs/,
    ],
    ["complex numbers", readFile("test/fixtures/torch/complex.pth"), /ComplexFloatStorage/],
    ["no tensors", readFile("test/fixtures/torch/no_tensors.pth"), /it holds no tensors/],
    ["a bare tensor", readFile("test/fixtures/torch/bare_tensor.pth"), /a single tensor without a name/],
    ["TorchScript from torch", readFile("test/fixtures/torch/torchscript.pth"), /is a TorchScript program/],
  ];

  it.each(cases)("%s", async (_, content, message) => {
    const error = await refusal(await content);
    expect(error.message).toMatch(message);
  });

  it("a hundred bytes that claim to unpack to four gigabytes", async () => {
    const content = await zip(good, entry, 9);
    const directory = content.length - 22;
    const begin = new DataView(content.buffer).getUint32(directory + 16, true);
    // The uncompressed size in the central directory's record of data.pkl.
    content.set(uint32(0xfffffff0), begin + 24);
    expect((await refusal(content)).message).toMatch(/entry "archive\/data\.pkl" claims an impossible size/);
  });

  it("a legacy stream cut at any byte", async () => {
    const content = stream(good);
    for (let length = 0; length < content.length; length++) {
      expect((await refusal(content.subarray(0, length))).code).toBe("E_FILE_FORMAT");
    }
  });

  it("a zip cut at any byte", async () => {
    const content = await zip(good);
    for (let length = 0; length < content.length; length++) {
      expect((await refusal(content.subarray(0, length))).code).toBe("E_FILE_FORMAT");
    }
  });

  it("a tar cut anywhere before its end marker", async () => {
    const content = await tar(oldTar);
    for (let length = 0; length < content.length - 1024; length += 7) {
      expect((await refusal(content.subarray(0, length))).code).toBe("E_FILE_FORMAT");
    }
  });

  it.each(["state.zip.pth", "views.legacy.pth", "old.tar.pth", "dtypes.zip.pth"])(
    "%s with any bytes changed gives tensors or a coded error, never anything else",
    async (name) => {
      const content = await readFile(`test/fixtures/torch/${name}`);
      const change = fc.tuple(fc.nat(content.length - 1), fc.nat(255));
      await fc.assert(
        fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
          const changed = Uint8Array.from(content);
          for (const [at, value] of changes) changed[at] = value;
          const outcome = await readTensorSource(memorySource(changed)).catch((error: unknown) => error);
          if (outcome instanceof Error) expect(outcome).toBeInstanceOf(PixcycleError);
        }),
        { numRuns: 250 },
      );
    },
  );
});

/** Replaces a text wherever it stands, by another of the same length. */
function rename(content: Uint8Array, from: string, to: string): Uint8Array {
  return bytes(Buffer.from(content).toString("latin1").replaceAll(from, to));
}

/** Flips one bit of the first occurrence of `part`. */
function flip(content: Uint8Array, part: Uint8Array): Uint8Array {
  const at = Buffer.from(content).indexOf(part);
  return content.with(at, content[at]! ^ 1);
}

/** A tar's tensor record with another number of dimensions. */
function dimensions(described: Uint8Array, count: number): Uint8Array {
  const at = described.length - 32;
  return bytes(described.subarray(0, at), uint32(count), described.subarray(at + 4));
}
