import { elementCount } from "../dtype.js";
import { PickleGlobal, PickleTuple, type PickleValue, type Storage, StorageView } from "./values.js";

type Fail = (problem: string) => never;

/**
 * Resolves the persistent ids of zip and legacy files,
 * `('storage', class, key, location, count[, view])`, where a legacy view is null or `(key, offset, count)`.
 * Each key gives one storage, however often it is named.
 */
export class StorageTable {
  private readonly storages = new Map<string, Storage>();

  /** The storage of a key, if the pickle named it. */
  get(key: string): Storage | undefined {
    return this.storages.get(key);
  }

  readonly load = (id: PickleValue, fail: Fail): StorageView => {
    const [tag, storageClass, key, , count, view] = id instanceof PickleTuple ? id.items : [];
    if (tag !== "storage" || typeof key !== "string") return fail("a persistent id that is not a storage's");
    if (!(storageClass instanceof PickleGlobal) || storageClass.stand.kind !== "storage") {
      return fail("a storage whose class is not a storage class");
    }
    const storage = this.define({ key, dtype: storageClass.stand.dtype, count: toCount(count, fail) }, fail);
    return view instanceof PickleTuple
      ? viewOf(storage, view.items[1], view.items[2], fail)
      : new StorageView(storage, 0, storage.count);
  };

  private define(storage: Storage, fail: Fail): Storage {
    const known = this.storages.get(storage.key);
    if (known === undefined) {
      this.storages.set(storage.key, storage);
      return storage;
    }
    if (known.dtype !== storage.dtype || known.count !== storage.count) {
      return fail(
        `storage ${JSON.stringify(storage.key)} is both ${known.dtype} × ${known.count} and ${storage.dtype} × ${storage.count}`,
      );
    }
    return known;
  }
}

/** Elements `offset` to `offset + count` of a storage. */
export function viewOf(
  storage: Storage,
  offset: PickleValue | undefined,
  count: PickleValue | undefined,
  fail: Fail,
): StorageView {
  const view = new StorageView(storage, toCount(offset, fail), toCount(count, fail));
  return view.offset + view.count <= storage.count
    ? view
    : fail(
        `a view of elements ${view.offset} to ${view.offset + view.count} of a storage of ${storage.count}`,
      );
}

/** A number of elements as a pickle says it; anything but a whole number from 0 on fails. */
export function toCount(value: PickleValue | undefined, fail: Fail): number {
  const count = typeof value === "number" ? elementCount([value]) : Number.NaN;
  return Number.isNaN(count) ? fail("a storage size that is not a whole number") : count;
}
