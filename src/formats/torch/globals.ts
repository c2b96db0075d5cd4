import { elementCount } from "../dtype.js";
import type { FileDType } from "../tensor.js";
import { fillDict } from "./machine.js";
import {
  PickleDict,
  type PickleFunction,
  PickleGlobal,
  PickleTuple,
  type PickleValue,
  StorageView,
  StridedTensor,
} from "./values.js";

const ELEMENT_TYPES: Readonly<Record<string, FileDType>> = {
  Double: "F64",
  Float: "F32",
  Half: "F16",
  BFloat16: "BF16",
  Long: "I64",
  Int: "I32",
  Short: "I16",
  Char: "I8",
  Byte: "U8",
  Bool: "BOOL",
};

/** PyTorch's own limit. */
const MAX_DIMENSIONS = 64;

const GLOBALS: ReadonlyMap<string, PickleGlobal> = new Map(
  [
    functionGlobal("collections.OrderedDict", orderedDict),
    functionGlobal("torch.Size", (args, fail) => new PickleTuple(sizes(args[0], fail))),
    functionGlobal("torch._utils._rebuild_tensor_v2", rebuildTensor),
    // What PyTorch 0.1.10 to 0.3 wrote: the same without the trailing arguments.
    functionGlobal("torch._utils._rebuild_tensor", rebuildTensor),
    functionGlobal("torch._utils._rebuild_parameter", rebuildParameter),
    ...Object.entries(ELEMENT_TYPES).flatMap(([element, dtype]) =>
      ["torch", "torch.cuda"].flatMap((module) => [
        new PickleGlobal(`${module}.${element}Storage`, { kind: "storage", dtype }),
        new PickleGlobal(`${module}.${element}Tensor`, { kind: "tensorClass" }),
      ]),
    ),
  ].map((global) => [global.name, global] as const),
);

/** The allow-list: our stand-in for a Python global that a file of weights may name, else undefined. */
export function findTorchGlobal(module: string, name: string): PickleGlobal | undefined {
  // The module's name decides where the dot is: `torch` + `cuda.FloatStorage` is not `torch.cuda.FloatStorage`.
  return name.includes(".") ? undefined : GLOBALS.get(`${module}.${name}`);
}

function functionGlobal(name: string, call: PickleFunction): PickleGlobal {
  return new PickleGlobal(name, { kind: "function", call });
}

/** `OrderedDict()`, or with a list of pairs as Python 2 wrote it. */
function orderedDict(args: readonly PickleValue[], fail: (problem: string) => never): PickleValue {
  const dict = new PickleDict(true);
  const [pairs] = args;
  if (pairs === undefined) return dict;
  if (!Array.isArray(pairs) || args.length > 1) return fail("OrderedDict of what is not a list of pairs");
  const items = pairs.flatMap((pair) => {
    const ends = pair instanceof PickleTuple ? pair.items : pair;
    return Array.isArray(ends) && ends.length === 2
      ? ends
      : fail("OrderedDict of what is not a list of pairs");
  });
  return fillDict(dict, items, fail);
}

/** `_rebuild_tensor_v2(storage, storage_offset, size, stride, requires_grad, backward_hooks)` */
function rebuildTensor(args: readonly PickleValue[], fail: (problem: string) => never): StridedTensor {
  const [view, offset, shape, strides] = args;
  if (!(view instanceof StorageView)) return fail("a tensor without a storage");
  if (typeof offset !== "number") return fail("a tensor whose storage offset is not a number");
  return stridedTensor(view, offset, sizes(shape, fail), sizes(strides, fail), fail);
}

function rebuildParameter(args: readonly PickleValue[], fail: (problem: string) => never): PickleValue {
  const [tensor] = args;
  return tensor instanceof StridedTensor ? tensor : fail("a parameter without a tensor");
}

/** A tensor over a storage, once its every element is known to lie inside. */
export function stridedTensor(
  view: StorageView,
  offset: number,
  shape: readonly number[],
  strides: readonly number[],
  fail: (problem: string) => never,
): StridedTensor {
  const count = elementCount(shape);
  const described = `a tensor of shape [${shape.join(", ")}], strides [${strides.join(", ")}], offset ${offset}`;
  if (Number.isNaN(count) || shape.length !== strides.length) return fail(`${described} is impossible`);
  const last = shape.reduce((sum, size, axis) => sum + (size - 1) * strides[axis]!, offset);
  const inside = offset >= 0 && Number.isSafeInteger(last) && (count === 0 || last < view.count);
  if (!inside) return fail(`${described} reaches outside its storage of ${view.count} elements`);
  return new StridedTensor(view.storage, view.offset + offset, shape, strides);
}

function sizes(value: PickleValue | undefined, fail: (problem: string) => never): number[] {
  const items = value instanceof PickleTuple ? value.items : value;
  if (!Array.isArray(items)) return fail("a tensor size is not a tuple");
  if (items.length > MAX_DIMENSIONS) return fail(`a tensor of ${items.length} dimensions`);
  return items.map((item) =>
    typeof item === "number" && Number.isSafeInteger(item) && item >= 0
      ? item
      : fail("a tensor size is not a whole number"),
  );
}
