import { configure, type FileEntry, Reader, Uint8ArrayWriter, ZipReader } from "@zip.js/zip.js";
import { PixcycleError } from "../../errors.js";
import type { ByteSource } from "../byte-source.js";
import { BYTES_PER_ELEMENT, quote } from "../dtype.js";
import { ByteCursor, decodeText, torchFormatError } from "./cursor.js";
import { findTorchGlobal } from "./globals.js";
import { StorageTable } from "./persistent.js";
import { unpickle } from "./pickle.js";
import type { TorchArchive } from "./state-dict.js";

// Entries are read one at a time in this thread; a worker would only add copies.
configure({ useWebWorkers: false });

/** Deflate cannot shrink by more than this, so an entry that claims more is a trap. */
const MAX_DEFLATE_RATIO = 1032;

/**
 * Opens the container of PyTorch ≥ 1.6: a zip of `<root>/data.pkl`, `<root>/data/<key>` for each storage and
 * optionally `<root>/byteorder`. Only storages that are asked for are read.
 *
 * @throws PixcycleError E_FILE_FORMAT, E_PICKLE_FORBIDDEN
 */
export async function openTorchZip(source: ByteSource): Promise<TorchArchive> {
  const entries = await listEntries(source);
  const root = findRoot(entries, source.where);
  const pickle = await readEntry(source, entries, `${root}data.pkl`);
  const order = entries.has(`${root}byteorder`)
    ? decodeText(await readEntry(source, entries, `${root}byteorder`))
    : "little";
  if (order !== "little" && order !== "big") {
    throw torchFormatError(source.where, `its byte order is ${quote(order)}`);
  }
  const storages = new StorageTable();
  return {
    root: unpickle(new ByteCursor(pickle, `${source.where} (data.pkl)`), {
      findGlobal: findTorchGlobal,
      loadPersistent: storages.load,
    }),
    readStorage: async ({ key, dtype, count }) => {
      const size = BYTES_PER_ELEMENT[dtype];
      const bytes = await readEntry(source, entries, `${root}data/${key}`, count * size);
      if (order === "big") reverseElements(bytes, size);
      return bytes;
    },
  };
}

type Entries = ReadonlyMap<string, FileEntry>;

async function listEntries(source: ByteSource): Promise<Entries> {
  const entries = new Map<string, FileEntry>();
  const listed = await guard(source, "the zip directory is damaged", () =>
    new ZipReader(new SourceReader(source)).getEntries({ filenameValidation: "tolerant" }),
  );
  for (const entry of listed) {
    if (entry.directory) continue;
    if (entries.has(entry.filename)) {
      throw torchFormatError(source.where, `two zip entries are named ${quote(entry.filename)}`);
    }
    entries.set(entry.filename, entry);
  }
  return entries;
}

/** The folder of data.pkl with its slash; PyTorch names it after the file, or `archive`. */
function findRoot(entries: Entries, where: string): string {
  const pickles = [...entries.keys()].filter((name) => /^(?:[^/]+\/)?data\.pkl$/.test(name));
  const [pickle] = pickles;
  if (pickle === undefined || pickles.length > 1) {
    throw torchFormatError(where, `the zip has ${pickles.length} entries <root>/data.pkl, not one`);
  }
  const root = pickle.slice(0, -"data.pkl".length);
  if (entries.has(`${root}constants.pkl`)) {
    throw new PixcycleError("E_FILE_FORMAT", `${where} is a TorchScript program, not a file of weights.`, {
      hint: "Load it in PyTorch and save torch.save(net.state_dict(), path).",
    });
  }
  return root;
}

/** One entry, its checksum compared. `expected` is the size that the pickle promises, in bytes. */
async function readEntry(
  source: ByteSource,
  entries: Entries,
  name: string,
  expected?: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const entry = entries.get(name);
  if (entry === undefined) throw torchFormatError(source.where, `the zip has no entry ${quote(name)}`);
  const { uncompressedSize, compressedSize } = entry;
  if (expected !== undefined && uncompressedSize !== expected) {
    throw torchFormatError(
      source.where,
      `entry ${quote(name)} has ${uncompressedSize} bytes, its storage ${expected}`,
    );
  }
  if (compressedSize > source.size || uncompressedSize > compressedSize * MAX_DEFLATE_RATIO) {
    throw torchFormatError(source.where, `entry ${quote(name)} claims an impossible size`);
  }
  const bytes = await guard(source, `entry ${quote(name)} is damaged`, () =>
    entry.getData(new Uint8ArrayWriter(uncompressedSize), { checkSignature: true }),
  );
  if (bytes.length !== uncompressedSize) {
    throw torchFormatError(
      source.where,
      `entry ${quote(name)} is ${bytes.length} bytes, not ${uncompressedSize}`,
    );
  }
  return bytes;
}

async function guard<T>(source: ByteSource, problem: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    throw torchFormatError(source.where, problem, cause);
  }
}

class SourceReader extends Reader<ByteSource> {
  constructor(private readonly source: ByteSource) {
    super(source);
    this.size = source.size;
  }

  override readUint8Array(offset: number, length: number): Promise<Uint8Array> {
    return this.source.read(offset, length);
  }
}

function reverseElements(bytes: Uint8Array, size: number): void {
  for (let begin = 0; begin < bytes.length; begin += size) bytes.subarray(begin, begin + size).reverse();
}
