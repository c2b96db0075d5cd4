import type { ByteSource } from "../byte-source.js";
import { BYTES_PER_ELEMENT, quote } from "../dtype.js";
import { ByteCursor, torchFormatError } from "./cursor.js";
import { findTorchGlobal } from "./globals.js";
import { StorageTable } from "./persistent.js";
import { unpickle } from "./pickle.js";
import type { TorchArchive } from "./state-dict.js";
import type { PickleValue, Storage } from "./values.js";

const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;
const COUNT_BYTES = 8;
/** The pickles stand at the beginning; those of the largest networks take a few MB. */
const MAX_PICKLES_BYTES = 64 * 2 ** 20;

/**
 * Opens the container of PyTorch 0.1.10 to 1.5 (and of `_use_new_zipfile_serialization=False`): five pickles
 * (magic number, protocol, system, the object, the list of storage keys), then for each key a u64 element
 * count and the elements, little-endian on every system.
 *
 * @throws PixcycleError E_FILE_FORMAT, E_PICKLE_FORBIDDEN
 */
export async function openTorchStream(source: ByteSource): Promise<TorchArchive> {
  const { where } = source;
  const cursor = new ByteCursor(await source.read(0, MAX_PICKLES_BYTES), where);
  const storages = new StorageTable();
  const context = { findGlobal: findTorchGlobal, loadPersistent: storages.load };
  const next = (): PickleValue => unpickle(cursor, context);

  if (next() !== MAGIC) cursor.fail("no PyTorch magic number");
  const protocol = next();
  if (protocol !== PROTOCOL) cursor.fail(`protocol ${String(protocol)}, not ${PROTOCOL}`);
  next();
  const root = next();
  const keys = next();
  if (!Array.isArray(keys)) return cursor.fail("the storage keys are not a list");
  const begins = await locateStorages(source, storages, keys, cursor.position);
  return {
    root,
    readStorage: (storage) => {
      const begin = begins.get(storage);
      if (begin === undefined)
        throw torchFormatError(where, `storage ${quote(storage.key)} is not in the file`);
      return source.read(begin, byteLength(storage));
    },
  };
}

/** Walks the storages' headers; returns where each one's elements begin. */
async function locateStorages(
  source: ByteSource,
  storages: StorageTable,
  keys: readonly PickleValue[],
  begin: number,
): Promise<Map<Storage, number>> {
  const begins = new Map<Storage, number>();
  let position = begin;
  for (const key of keys) {
    const storage = typeof key === "string" ? storages.get(key) : undefined;
    if (storage === undefined) {
      throw torchFormatError(source.where, `storage key ${quote(String(key))} belongs to no tensor`);
    }
    const header = new ByteCursor(await source.read(position, COUNT_BYTES), source.where);
    const count = header.count64();
    const described = `storage ${quote(storage.key)} at byte ${position}`;
    if (count !== storage.count) {
      throw torchFormatError(
        source.where,
        `${described} has ${count} elements, its tensors say ${storage.count}`,
      );
    }
    position += COUNT_BYTES;
    if (begins.has(storage)) throw torchFormatError(source.where, `${described} is there twice`);
    begins.set(storage, position);
    position += byteLength(storage);
    if (position > source.size) {
      throw torchFormatError(
        source.where,
        `cut short: ${described} ends at byte ${position} of ${source.size}`,
      );
    }
  }
  return begins;
}

function byteLength({ dtype, count }: Storage): number {
  return count * BYTES_PER_ELEMENT[dtype];
}
