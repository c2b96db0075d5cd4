/** Random access to bytes that may be too many to hold at once. */
export interface ByteSource {
  /** What to call it in an error, usually a path. */
  readonly where: string;
  /** Number of bytes. */
  readonly size: number;
  /** A new array of the bytes from `offset`; fewer than `length` only at the end. */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
}
