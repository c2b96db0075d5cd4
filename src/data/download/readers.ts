import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { Readable, Transform } from "node:stream";
import { createGunzip } from "node:zlib";
import { configure, Reader, ZipReader } from "@zip.js/zip.js";
import { createTarDecoder } from "modern-tar";
import type { ArchiveEntry } from "./entries.js";

// Entries are read one at a time in this thread; a worker would only add copies.
configure({ useWebWorkers: false });

/** The members of a zip, in the order of its directory. Checksums are compared as they are read. */
export async function* zipEntries(path: string, signal: AbortSignal): AsyncGenerator<ArchiveEntry> {
  const handle = await open(path, "r");
  try {
    const reader = new ZipReader(new HandleReader(handle, (await handle.stat()).size));
    for await (const entry of reader.getEntriesGenerator({ filenameValidation: "tolerant" })) {
      const { filename: name } = entry;
      if (entry.directory) yield { name, kind: "folder", writeTo: (sink) => sink.close() };
      else if (entry.symlink || entry.encrypted)
        yield { name, kind: "other", writeTo: (sink) => sink.close() };
      else {
        const writeTo = async (sink: WritableStream<Uint8Array>) => {
          await entry.getData(sink, { checkSignature: true, signal });
        };
        yield { name, kind: "file", writeTo };
      }
    }
  } finally {
    await handle.close();
  }
}

class HandleReader extends Reader<FileHandle> {
  constructor(
    private readonly handle: FileHandle,
    size: number,
  ) {
    super(handle);
    this.size = size;
  }

  override async readUint8Array(offset: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(Math.max(0, Math.min(length, this.size - offset)));
    const { bytesRead } = await this.handle.read(bytes, 0, bytes.length, offset);
    return bytes.subarray(0, bytesRead);
  }
}

/**
 * The members of a gzipped tar. Everything has to be inflated, wanted or not, so `countBytes` is told of all of it and
 * ends the reading by throwing.
 */
export async function* tarEntries(
  path: string,
  signal: AbortSignal,
  countBytes: (bytes: number) => void,
): AsyncGenerator<ArchiveEntry> {
  const counter = new Transform({
    transform(chunk: Buffer, _, done) {
      try {
        countBytes(chunk.length);
        done(null, chunk);
      } catch (error) {
        done(error as Error);
      }
    },
  });
  const source = createReadStream(path, { signal });
  const inflate = createGunzip();
  source.on("error", (error) => inflate.destroy(error));
  inflate.on("error", (error) => counter.destroy(error));
  const bytes = Readable.toWeb(source.pipe(inflate).pipe(counter)) as ReadableStream<Uint8Array>;
  const entries = bytes.pipeThrough(createTarDecoder({ strict: true })).getReader();
  try {
    for (;;) {
      const { done, value } = await entries.read();
      if (done) return;
      const { header, body } = value;
      let used = false;
      const kind = header.type === "directory" ? "folder" : header.type === "file" ? "file" : "other";
      yield {
        name: header.name,
        kind,
        writeTo(sink) {
          used = true;
          return body.pipeTo(sink);
        },
      };
      if (!used) await body.cancel();
    }
  } finally {
    await entries.cancel().catch(() => undefined);
    source.destroy();
    inflate.destroy();
  }
}
