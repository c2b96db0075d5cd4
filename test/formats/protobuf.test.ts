import { expect, it } from "vitest";
import { ProtoWriter } from "../../src/formats/protobuf.js";

/** A length-delimited field by the format's definition: tag, length as a varint, content. */
function field(number: number, content: readonly number[]): number[] {
  const length: number[] = [];
  let rest = content.length;
  for (; rest > 127; rest >>= 7) length.push((rest & 127) | 128);
  return [(number << 3) | 2, ...length, rest, ...content];
}

it.each([0, 1, 127, 128, 16_383, 16_384, 40_000])(
  "writes contents of %i bytes in messages in messages",
  (size) => {
    const content = Uint8Array.from({ length: size }, (_, i) => i % 251);
    const bytes = new ProtoWriter()
      .int(1, 5)
      .message(2, (outer) =>
        outer
          .message(3, (inner) => inner.bytes(4, content).string(5, "after"))
          .bytes(6, content)
          .int(7, 1),
      )
      .string(8, "end")
      .finish();
    const text = (value: string): number[] => [...new TextEncoder().encode(value)];
    const inner = [...field(4, [...content]), ...field(5, text("after"))];
    const outer = [...field(3, inner), ...field(6, [...content]), 56, 1];
    expect([...bytes]).toEqual([8, 5, ...field(2, outer), ...field(8, text("end"))]);
  },
);
