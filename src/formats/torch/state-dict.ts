import { BYTES_PER_ELEMENT, elementCount, quote, tensorFromBytes } from "../dtype.js";
import type { FileTensor, TensorMap } from "../tensor.js";
import { torchFormatError } from "./cursor.js";
import { PickleDict, PickleTuple, type PickleValue, type Storage, StridedTensor } from "./values.js";

/** An unpickled file whose storages are still in it. */
export interface TorchArchive {
  readonly root: PickleValue;
  /** The little-endian bytes of a storage, exactly as many as its count says, in an array of its own. */
  readStorage(storage: Storage): Promise<Uint8Array<ArrayBuffer>>;
}

const MAX_DEPTH = 64;
/** Shared lists and dicts are visited each time; a few bytes of pickle could ask for billions of visits. */
const MAX_VISITS = 1_000_000;
// Views may repeat elements (expanded or shared tensors), but a small file must not fill the memory.
const MAX_EXPANSION = 16;
const EXPANSION_FLOOR = 64 * 2 ** 20;

/**
 * The tensors of an archive by name, contiguous: nested dicts and lists are flattened with dots, a prefix
 * `module.` that all names share is dropped. Text and numbers become metadata.
 *
 * @param fileSize bytes of the file, which bounds how much memory its tensors may take
 * @throws PixcycleError E_FILE_FORMAT
 */
export async function readStateDict(
  archive: TorchArchive,
  fileSize: number,
  where: string,
): Promise<{ tensors: TensorMap; metadata: Record<string, string> }> {
  const flat = new Flattener(where);
  flat.visit(archive.root, "", 0);
  const views = stripModulePrefix(flat.tensors);
  if (views.size === 0) throw torchFormatError(where, "it holds no tensors");
  const bytes = [...views.values()].reduce(
    (sum, view) => sum + elementCount(view.shape) * BYTES_PER_ELEMENT[view.storage.dtype],
    0,
  );
  if (bytes > MAX_EXPANSION * fileSize + EXPANSION_FLOOR) {
    throw torchFormatError(where, `its tensors take ${bytes} bytes, the file has ${fileSize}`);
  }
  const loaded: TensorMap = new Map();
  // One storage is in memory at a time.
  for (const [storage, names] of groupByStorage(views)) {
    const content = await archive.readStorage(storage);
    for (const name of names) loaded.set(name, materialise(views.get(name)!, content, names.length > 1));
  }
  const tensors: TensorMap = new Map([...views.keys()].map((name) => [name, loaded.get(name)!]));
  return { tensors, metadata: Object.fromEntries(flat.metadata) };
}

function groupByStorage(views: ReadonlyMap<string, StridedTensor>): Map<Storage, string[]> {
  const groups = new Map<Storage, string[]>();
  for (const [name, { storage }] of views) {
    const group = groups.get(storage);
    if (group === undefined) groups.set(storage, [name]);
    else group.push(name);
  }
  return groups;
}

class Flattener {
  readonly tensors = new Map<string, StridedTensor>();
  readonly metadata = new Map<string, string>();

  private visits = 0;

  constructor(private readonly where: string) {}

  visit(value: PickleValue, name: string, depth: number): void {
    this.visits += 1;
    if (this.visits > MAX_VISITS) throw torchFormatError(this.where, `more than ${MAX_VISITS} values`);
    if (depth > MAX_DEPTH) throw torchFormatError(this.where, `nested more than ${MAX_DEPTH} deep`);
    if (value instanceof StridedTensor) {
      if (depth === 0) throw torchFormatError(this.where, "it is a single tensor without a name");
      if (this.tensors.has(name)) throw torchFormatError(this.where, `two tensors are named ${quote(name)}`);
      this.tensors.set(name, value);
    } else if (value instanceof PickleDict) {
      for (const [key, item] of value) this.visit(item, join(name, String(key), depth), depth + 1);
    } else if (Array.isArray(value) || value instanceof PickleTuple) {
      const items = Array.isArray(value) ? value : value.items;
      items.forEach((item, index) => {
        this.visit(item, join(name, String(index), depth), depth + 1);
      });
    } else if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
      this.metadata.set(name, String(value));
    }
  }
}

function join(prefix: string, name: string, depth: number): string {
  return depth === 0 ? name : `${prefix}.${name}`;
}

/** Names of networks saved through nn.DataParallel all begin with `module.`. */
function stripModulePrefix(tensors: Map<string, StridedTensor>): Map<string, StridedTensor> {
  const prefix = "module.";
  if (![...tensors.keys()].every((name) => name.startsWith(prefix))) return tensors;
  return new Map([...tensors].map(([name, tensor]) => [name.slice(prefix.length), tensor]));
}

/** The elements of a strided view, row-major; a view of `content` if it is all of it and nobody else's. */
function materialise(view: StridedTensor, content: Uint8Array<ArrayBuffer>, shared: boolean): FileTensor {
  const { storage, offset, shape } = view;
  const size = BYTES_PER_ELEMENT[storage.dtype];
  const count = elementCount(shape);
  if (!isContiguous(view)) return tensorFromBytes(storage.dtype, shape, gather(view, content, size, count));
  const elements = content.subarray(offset * size, (offset + count) * size);
  const owned = !shared && elements.length === content.length;
  return tensorFromBytes(storage.dtype, shape, owned ? elements : elements.slice());
}

function isContiguous({ shape, strides }: StridedTensor): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis]! > 1 && strides[axis] !== expected) return false;
    expected *= shape[axis]!;
  }
  return true;
}

/** Copies the elements of a strided view in row-major order. */
function gather(
  { offset, shape, strides }: StridedTensor,
  content: Uint8Array<ArrayBuffer>,
  size: number,
  count: number,
): Uint8Array {
  const result = new Uint8Array(count * size);
  const index = shape.map(() => 0);
  let from = offset;
  for (let to = 0; to < count; to++) {
    for (let byte = 0; byte < size; byte++) result[to * size + byte] = content[from * size + byte]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]! += 1;
      from += strides[axis]!;
      if (index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return result;
}
