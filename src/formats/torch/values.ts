import type { FileDType } from "../tensor.js";

/** What may be a key of a dict. */
export type PickleKey = string | number | bigint | boolean | null;

/** Everything that a restricted pickle can hold. */
export type PickleValue =
  | PickleKey
  | Uint8Array
  | PickleValue[]
  | PickleTuple
  | PickleDict
  | PickleGlobal
  | StorageView
  | StridedTensor;

/** A tuple; lists are arrays. */
export class PickleTuple {
  constructor(readonly items: readonly PickleValue[]) {}
}

/** A dict, in the order of insertion. */
export class PickleDict extends Map<PickleKey, PickleValue> {
  /** @param ordered whether it is a collections.OrderedDict, whose attributes may be set (and are ignored) */
  constructor(readonly ordered: boolean) {
    super();
  }
}

/** A class or function that a pickle names; never Python's, always a stand-in of ours from the allow-list. */
export class PickleGlobal {
  /**
   * @param name as `torch.FloatStorage`
   * @param stand what it stands for
   */
  constructor(
    readonly name: string,
    readonly stand: GlobalMeaning,
  ) {}
}

export type GlobalMeaning =
  | { readonly kind: "storage"; readonly dtype: FileDType }
  | { readonly kind: "tensorClass" }
  | { readonly kind: "function"; readonly call: PickleFunction };

/** @param fail throws a format error for a problem with the arguments */
export type PickleFunction = (args: readonly PickleValue[], fail: (problem: string) => never) => PickleValue;

/** A flat array in the file; its bytes are read later. */
export interface Storage {
  readonly key: string;
  readonly dtype: FileDType;
  /** Number of elements. */
  readonly count: number;
}

/** A stretch of a storage, in elements. */
export class StorageView {
  constructor(
    readonly storage: Storage,
    readonly offset: number,
    readonly count: number,
  ) {}
}

/** A tensor as PyTorch keeps it: element (i, j, …) is `storage[offset + i·strides[0] + j·strides[1] + …]`. */
export class StridedTensor {
  constructor(
    readonly storage: Storage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}
