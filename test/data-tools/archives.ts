import { gzipSync } from "node:zlib";
import { Uint8ArrayReader, Uint8ArrayWriter, ZipWriter } from "@zip.js/zip.js";
import { packTar, type TarHeader } from "modern-tar";

export type Members = readonly (readonly [name: string, content: Uint8Array])[];

/** A zip of some files. */
export async function makeZip(
  members: Members,
  options: { level?: number; unixMode?: number } = {},
): Promise<Buffer> {
  const writer = new ZipWriter(new Uint8ArrayWriter(), options);
  for (const [name, content] of members) await writer.add(name, new Uint8ArrayReader(content), options);
  return Buffer.from(await writer.close());
}

/** A gzipped tar of some files, and of entries that are no files. */
export async function makeTarGz(members: Members, others: readonly TarHeader[] = []): Promise<Buffer> {
  const files = members.map(([name, body]) => ({ header: { name, size: body.length }, body }));
  return gzipSync(await packTar([...files, ...others.map((header) => ({ header }))]));
}
