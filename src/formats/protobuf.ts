const TEXT = new TextEncoder();

/** The wire types of protobuf (https://protobuf.dev/programming-guides/encoding). */
const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

/** Longer contents, such as weights, are copied once, in the end. */
const LONG = 1 << 14;

/** Writes a protobuf message field by field; every method returns the writer. */
export class ProtoWriter {
  /** What was written before `buffer`. */
  private readonly parts: Uint8Array[] = [];
  private partsSize = 0;
  private buffer = new Uint8Array(128);
  private size = 0;

  /** An int32, int64, uint64, bool or enum field. */
  int(field: number, value: number | bigint): this {
    this.tag(field, VARINT);
    return typeof value === "number" && value >= 0 && value < 2 ** 31
      ? this.small(value)
      : this.varint(BigInt(value));
  }

  float(field: number, value: number): this {
    return this.tag(field, FIXED32).push(new Uint8Array(Float32Array.of(value).buffer));
  }

  double(field: number, value: number): this {
    return this.tag(field, FIXED64).push(new Uint8Array(Float64Array.of(value).buffer));
  }

  /** Bytes that must not change before `finish`. */
  bytes(field: number, value: Uint8Array): this {
    return this.tag(field, LENGTH_DELIMITED).small(value.length).push(value);
  }

  string(field: number, value: string): this {
    // Text of up to 42 characters takes at most 127 bytes, and so a length of one byte.
    if (value.length > 42) return this.bytes(field, TEXT.encode(value));
    this.tag(field, LENGTH_DELIMITED).reserve(1 + 3 * value.length);
    const { written } = TEXT.encodeInto(value, this.buffer.subarray(this.size + 1));
    this.buffer[this.size] = written;
    this.size += 1 + written;
    return this;
  }

  message(field: number, build: (inner: ProtoWriter) => void): this {
    const inner = new ProtoWriter();
    build(inner);
    this.tag(field, LENGTH_DELIMITED).small(inner.partsSize + inner.size);
    for (const part of inner.parts) this.push(part);
    return this.push(inner.buffer.subarray(0, inner.size));
  }

  /** The message's bytes. */
  finish(): Uint8Array<ArrayBuffer> {
    const message = new Uint8Array(this.partsSize + this.size);
    let position = 0;
    for (const part of [...this.parts, this.buffer.subarray(0, this.size)]) {
      message.set(part, position);
      position += part.length;
    }
    return message;
  }

  private tag(field: number, wireType: number): this {
    return this.small((field << 3) | wireType);
  }

  /** A varint below 2³¹: seven bits a byte, lowest first. */
  private small(value: number): this {
    this.reserve(5);
    let rest = value;
    for (; rest > 0x7f; rest >>= 7) this.buffer[this.size++] = (rest & 0x7f) | 0x80;
    this.buffer[this.size++] = rest;
    return this;
  }

  /** Any varint; a negative number takes ten bytes. */
  private varint(value: bigint): this {
    this.reserve(10);
    let rest = BigInt.asUintN(64, value);
    for (; rest > 0x7fn; rest >>= 7n) this.buffer[this.size++] = Number(rest & 0x7fn) | 0x80;
    this.buffer[this.size++] = Number(rest);
    return this;
  }

  private push(bytes: Uint8Array): this {
    if (bytes.length >= LONG) return this.keep(bytes);
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.size);
    this.size += bytes.length;
    return this;
  }

  /** Goes on after long contents in a new buffer. */
  private keep(bytes: Uint8Array): this {
    this.parts.push(this.buffer.subarray(0, this.size), bytes);
    this.partsSize += this.size + bytes.length;
    this.buffer = new Uint8Array(128);
    this.size = 0;
    return this;
  }

  private reserve(count: number): void {
    if (this.size + count <= this.buffer.length) return;
    const larger = new Uint8Array(Math.max(2 * this.buffer.length, this.size + count));
    larger.set(this.buffer.subarray(0, this.size));
    this.buffer = larger;
  }
}
