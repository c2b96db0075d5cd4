import { unpackTar } from "modern-tar";
import type { ByteSource } from "../byte-source.js";
import { BYTES_PER_ELEMENT, quote } from "../dtype.js";
import { ByteCursor, torchFormatError } from "./cursor.js";
import { findTorchGlobal, stridedTensor } from "./globals.js";
import { toCount, viewOf } from "./persistent.js";
import { unpickle } from "./pickle.js";
import type { TorchArchive } from "./state-dict.js";
import {
  PickleGlobal,
  PickleTuple,
  type PickleValue,
  type Storage,
  StorageView,
  type StridedTensor,
} from "./values.js";

const MEMBERS = ["storages", "tensors", "pickle"] as const;
type Members = Record<(typeof MEMBERS)[number], Uint8Array>;

/**
 * Opens the container of PyTorch before 0.1.10: a tar of `storages` (for each a pickled
 * `(key, location, class)`, a u64 element count and the elements; then the pickled list of storage views
 * `(key, root key, offset, count)`), `tensors` (for each a pickled `(key, storage key, class)`, a dimension count
 * in 8 bytes, sizes, strides and the storage offset) and `pickle`, whose persistent ids are tensor keys.
 * These files are small by today's measure and are read whole.
 *
 * @throws PixcycleError E_FILE_FORMAT, E_PICKLE_FORBIDDEN
 */
export async function openTorchTar(source: ByteSource): Promise<TorchArchive> {
  const members = await readMembers(source);
  const contents = new Map<Storage, Uint8Array>();
  const views = readStorages(new ByteCursor(members.storages, `${source.where} (storages)`), contents);
  const tensors = readTensors(new ByteCursor(members.tensors, `${source.where} (tensors)`), views);
  const root = unpickle(new ByteCursor(members.pickle, `${source.where} (pickle)`), {
    findGlobal: findTorchGlobal,
    loadPersistent: (id, fail) => tensors.get(String(id)) ?? fail("a persistent id that is no tensor's key"),
  });
  return {
    root,
    readStorage: async (storage) => contents.get(storage)!.slice() as Uint8Array<ArrayBuffer>,
  };
}

async function readMembers(source: ByteSource): Promise<Members> {
  const found = new Map<string, Uint8Array>();
  const entries = await unpackTar(await source.read(0, source.size), { strict: true }).catch((cause) => {
    throw torchFormatError(source.where, "the tar container is damaged", cause);
  });
  for (const { header, data } of entries) {
    const name = header.name.replace(/^\.\//, "");
    if (found.has(name)) throw torchFormatError(source.where, `the tar has two members ${quote(name)}`);
    if (data !== undefined) found.set(name, data);
  }
  return Object.fromEntries(
    MEMBERS.map((name) => {
      const data = found.get(name);
      if (data === undefined) throw torchFormatError(source.where, `the tar has no member ${name}`);
      return [name, data];
    }),
  ) as Members;
}

function readStorages(cursor: ByteCursor, contents: Map<Storage, Uint8Array>): Map<string, StorageView> {
  const views = new Map<string, StorageView>();
  const define = (key: string, view: StorageView): void => {
    if (views.has(key)) cursor.fail(`storage ${quote(key)} is there twice`);
    views.set(key, view);
  };
  const total = toCount(plainPickle(cursor), cursor.fail);
  for (let index = 0; index < total; index++) {
    const [key, , storageClass] = items(cursor, plainPickle(cursor));
    if (!(storageClass instanceof PickleGlobal) || storageClass.stand.kind !== "storage") {
      return cursor.fail("a storage whose class is not a storage class");
    }
    const { dtype } = storageClass.stand;
    const storage: Storage = { key: toKey(cursor, key), dtype, count: cursor.count64() };
    contents.set(storage, cursor.take(storage.count * BYTES_PER_ELEMENT[dtype]));
    define(storage.key, new StorageView(storage, 0, storage.count));
  }
  const stretches = plainPickle(cursor);
  if (!Array.isArray(stretches)) return cursor.fail("the storage views are not a list");
  for (const stretch of stretches) {
    const [key, rootKey, offset, count] = items(cursor, stretch);
    const root = views.get(toKey(cursor, rootKey));
    if (root === undefined)
      return cursor.fail(`a view of storage ${quote(String(rootKey))}, not in the file`);
    define(toKey(cursor, key), viewOf(root.storage, offset, count, cursor.fail));
  }
  return views;
}

function readTensors(
  cursor: ByteCursor,
  views: ReadonlyMap<string, StorageView>,
): Map<string, StridedTensor> {
  const tensors = new Map<string, StridedTensor>();
  const total = toCount(plainPickle(cursor), cursor.fail);
  for (let index = 0; index < total; index++) {
    const [key, storageKey] = items(cursor, plainPickle(cursor));
    const view = views.get(toKey(cursor, storageKey));
    if (view === undefined)
      return cursor.fail(`a tensor of storage ${quote(String(storageKey))}, not in the file`);
    const dimensions = cursor.int32();
    cursor.skip(4);
    if (dimensions < 0 || dimensions > 64) return cursor.fail(`a tensor of ${dimensions} dimensions`);
    const shape = Array.from({ length: dimensions }, () => cursor.count64());
    const strides = Array.from({ length: dimensions }, () => cursor.count64());
    const offset = cursor.count64();
    tensors.set(toKey(cursor, key), stridedTensor(view, offset, shape, strides, cursor.fail));
  }
  return tensors;
}

/** A pickle that refers to no persistent object. */
function plainPickle(cursor: ByteCursor): PickleValue {
  return unpickle(cursor, {
    findGlobal: findTorchGlobal,
    loadPersistent: (_, fail) => fail("a persistent id where none belongs"),
  });
}

function items(cursor: ByteCursor, value: PickleValue): readonly PickleValue[] {
  return value instanceof PickleTuple ? value.items : cursor.fail("a tuple is expected");
}

/** Keys are numbers here and digits there. */
function toKey(cursor: ByteCursor, value: PickleValue | undefined): string {
  const isKey = typeof value === "string" || typeof value === "number" || typeof value === "bigint";
  return isKey ? String(value) : cursor.fail("a key that is neither text nor a number");
}
