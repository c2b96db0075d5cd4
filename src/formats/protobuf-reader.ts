/** A varint, or the content of any other field. */
type ProtoValue = number | Uint8Array;

const TEXT = new TextDecoder();

/** A protobuf message (https://protobuf.dev/programming-guides/encoding), read by field numbers. Contents are not copied. */
export class ProtoMessage {
  private readonly fields = new Map<number, ProtoValue[]>();

  /**
   * @param fail throws, for bytes that are no message or fields of another kind than is asked for
   */
  constructor(
    bytes: Uint8Array,
    private readonly fail: () => never,
  ) {
    const reader = new WireReader(bytes, fail);
    while (!reader.ended) {
      const [field, value] = reader.field();
      const values = this.fields.get(field);
      if (values === undefined) this.fields.set(field, [value]);
      else values.push(value);
    }
  }

  has(field: number): boolean {
    return this.fields.has(field);
  }

  /** Every value of a field of integers, packed or not. */
  integers(field: number): number[] {
    return this.values(field).flatMap((value) =>
      typeof value === "number" ? value : new WireReader(value, this.fail).varints(),
    );
  }

  /** The last value of a field, as protobuf has it; 0 if it is not there. */
  integer(field: number): number {
    return this.integers(field).at(-1) ?? 0;
  }

  contents(field: number): Uint8Array[] {
    return this.values(field).map((value) => (typeof value === "number" ? this.fail() : value));
  }

  /** The last value of a text field; empty if it is not there. */
  text(field: number): string {
    return TEXT.decode(this.contents(field).at(-1));
  }

  messages(field: number): ProtoMessage[] {
    return this.contents(field).map((content) => new ProtoMessage(content, this.fail));
  }

  private values(field: number): readonly ProtoValue[] {
    return this.fields.get(field) ?? [];
  }
}

class WireReader {
  private at = 0;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly fail: () => never,
  ) {}

  get ended(): boolean {
    return this.at === this.bytes.length;
  }

  field(): [field: number, value: ProtoValue] {
    const tag = this.varint();
    const field = Math.floor(tag / 8);
    if (field < 1) this.fail();
    switch (tag % 8) {
      case 0:
        return [field, this.varint()];
      case 1:
        return [field, this.take(8)];
      case 2:
        return [field, this.take(this.varint())];
      case 5:
        return [field, this.take(4)];
      default:
        return this.fail();
    }
  }

  varints(): number[] {
    const values: number[] = [];
    while (!this.ended) values.push(this.varint());
    return values;
  }

  /** An integer of up to 64 bits: seven bits a byte, lowest first; beyond 2⁵³ it is rounded. */
  private varint(): number {
    let value = 0n;
    for (let shift = 0n; this.at < this.bytes.length && shift < 70n; shift += 7n) {
      const byte = this.bytes[this.at++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(BigInt.asIntN(64, value));
    }
    return this.fail();
  }

  private take(length: number): Uint8Array {
    if (length < 0 || this.at + length > this.bytes.length) this.fail();
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
}
