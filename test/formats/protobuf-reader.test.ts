import { describe, expect, it } from "vitest";
import { ProtoWriter } from "../../src/formats/protobuf.js";
import { ProtoMessage } from "../../src/formats/protobuf-reader.js";

const fail = (): never => {
  throw new Error("no message");
};
const read = (...bytes: number[]) => new ProtoMessage(Uint8Array.from(bytes), fail);

describe("ProtoMessage", () => {
  it("reads what ProtoWriter writes", () => {
    const bytes = new ProtoWriter()
      .int(1, 300)
      .int(1, -1)
      .int(2, 2 ** 40 + 1)
      .int(2, -(2n ** 63n))
      .string(3, "naïve")
      .float(4, 0.5)
      .double(5, -2)
      .message(2000, (inner) => inner.string(1, "a").message(2, (last) => last.int(1, 7)))
      .message(2000, (inner) => inner.string(1, "b"))
      .finish();
    const message = new ProtoMessage(bytes, fail);
    expect(message.integers(1)).toEqual([300, -1]);
    expect(message.integer(1)).toBe(-1);
    expect(message.integers(2)).toEqual([2 ** 40 + 1, -(2 ** 63)]);
    expect(message.text(3)).toBe("naïve");
    expect(message.contents(4)).toEqual([new Uint8Array(Float32Array.of(0.5).buffer)]);
    expect(message.contents(5)).toEqual([new Uint8Array(Float64Array.of(-2).buffer)]);
    expect(message.messages(2000).map((inner) => inner.text(1))).toEqual(["a", "b"]);
    expect(message.messages(2000)[0]!.messages(2)[0]!.integer(1)).toBe(7);
    expect([message.has(3), message.has(6), message.integer(6), message.text(6)]).toEqual([
      true,
      false,
      0,
      "",
    ]);
  });

  it("reads packed integers like single ones", () => {
    expect(read(0x0a, 3, 1, 0xac, 0x02, 0x08, 5).integers(1)).toEqual([1, 300, 5]);
  });

  it.each([
    ["a varint without an end", [0x08, 0x80]],
    ["a varint of eleven bytes", [0x08, ...new Array(10).fill(0x80), 1]],
    ["contents that end after the message", [0x0a, 2, 1]],
    ["contents of a negative length", [0x0a, ...new Array(9).fill(0xff), 1]],
    ["four bytes cut short", [0x0d, 1, 2, 3]],
    ["eight bytes cut short", [0x09, 1, 2, 3, 4, 5, 6, 7]],
    ["a group", [0x0b]],
    ["field 0", [0x00, 0]],
  ])("refuses %s", (_, bytes) => {
    expect(() => read(...bytes)).toThrow("no message");
  });

  it("refuses to take a number for contents, and to unpack what are no integers", () => {
    expect(() => read(0x08, 1).contents(1)).toThrow("no message");
    expect(() => read(0x0a, 1, 0x80).integers(1)).toThrow("no message");
  });
});
