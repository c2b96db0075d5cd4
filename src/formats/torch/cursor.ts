import { PixcycleError } from "../../errors.js";

/** The error of a PyTorch file that breaks its format. */
export function torchFormatError(where: string, problem: string, cause?: unknown): PixcycleError {
  return new PixcycleError("E_FILE_FORMAT", `${where}: not a readable PyTorch file: ${problem}.`, {
    hint: "Copy or download the file again, or save it anew with torch.save(net.state_dict(), path).",
    cause,
  });
}

/** Reads little-endian values one after the other; running off the end is a format error that names the byte. */
export class ByteCursor {
  position = 0;
  private readonly view: DataView;

  /** @param where what to call the bytes in an error, as `net.pth (data.pkl)` */
  constructor(
    readonly bytes: Uint8Array,
    readonly where: string,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get remaining(): number {
    return this.bytes.length - this.position;
  }

  /** Throws the format error for a problem at the current byte. */
  readonly fail: (problem: string) => never = (problem) => {
    throw torchFormatError(this.where, `${problem} (at byte ${this.position})`);
  };

  /** Moves past `length` bytes and returns where they begin. */
  skip(length: number): number {
    if (length > this.remaining) this.fail(`cut short: ${length} bytes expected, ${this.remaining} left`);
    const begin = this.position;
    this.position += length;
    return begin;
  }

  take(length: number): Uint8Array {
    const begin = this.skip(length);
    return this.bytes.subarray(begin, begin + length);
  }

  uint8(): number {
    return this.view.getUint8(this.skip(1));
  }

  uint16(): number {
    return this.view.getUint16(this.skip(2), true);
  }

  uint32(): number {
    return this.view.getUint32(this.skip(4), true);
  }

  int32(): number {
    return this.view.getInt32(this.skip(4), true);
  }

  /** A 64-bit count; more than 2^53 − 1 cannot be meant. */
  count64(): number {
    const value = this.view.getBigInt64(this.skip(8), true);
    if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) this.fail(`impossible count ${value}`);
    return Number(value);
  }

  /** Pickle's floats are big-endian. */
  float64BigEndian(): number {
    return this.view.getFloat64(this.skip(8), false);
  }

  /** Text up to the next line feed, without it. */
  line(): string {
    const end = this.bytes.indexOf(0x0a, this.position);
    if (end < 0) this.fail("cut short: a line does not end");
    const text = decodeText(this.take(end - this.position));
    this.position += 1;
    return text;
  }
}

const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** UTF-8 as text; bytes that are none become U+FFFD. */
export function decodeText(bytes: Uint8Array): string {
  return UTF8.decode(bytes);
}
