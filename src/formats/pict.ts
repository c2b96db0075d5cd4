import { PixcycleError } from "../errors.js";
import type { ByteSource } from "./byte-source.js";
import { isRecord } from "./json.js";
import type { TensorMap } from "./tensor.js";

/** The weights of one file have names and shapes; their values follow each other, row-major, in this order. */
interface Entry {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Most levels that a byte can tell apart. */
const MAX_LEVELS = 256;

/** A `.pict` begins with the length of a list of objects in JSON. */
export function isPict(head: Uint8Array): boolean {
  return /^\[\s*\{/.test(String.fromCharCode(...head.subarray(4, 16)));
}

/**
 * Reads a `.pict`, the weights of affinelayer's pix2pix in browsers
 * (https://github.com/affinelayer/pix2pix-tensorflow, server/tools/export-checkpoint.py). Three parts, each after its
 * length in bytes as a big-endian u32: names and shapes in JSON, up to 256 levels as little-endian float32, and for
 * every weight the number of its level as a byte.
 * @throws PixcycleError E_FILE_FORMAT if the file is cut short or its parts contradict each other
 */
export async function decodePict(source: ByteSource): Promise<TensorMap> {
  const fail = (problem: string, cause?: unknown): never => {
    throw new PixcycleError("E_FILE_FORMAT", `${source.where}: not a readable .pict file: ${problem}.`, {
      hint: "Copy or download the file again.",
      cause,
    });
  };
  let position = 0;
  const part = async (what: string): Promise<Uint8Array<ArrayBuffer>> => {
    const left = source.size - position - 4;
    if (left < 0) return fail(`cut short: its ${what} are missing`);
    const length = new DataView((await source.read(position, 4)).buffer).getUint32(0);
    if (length > left) return fail(`cut short: its ${what} take ${length} bytes, ${left} are left`);
    position += 4 + length;
    return source.read(position - length, length);
  };
  const text = new TextDecoder().decode(await part("names"));
  const levels = new DataView((await part("levels")).buffer);
  const codes = await part("weights");
  if (position < source.size) fail(`${source.size - position} bytes too many at its end`);

  const shapes = readShapes(text, fail);
  const count = levels.byteLength / 4;
  if (!Number.isInteger(count) || count < 1 || count > MAX_LEVELS) {
    fail(`its levels take ${levels.byteLength} bytes instead of 4 to ${4 * MAX_LEVELS}`);
  }
  const table = Float32Array.from({ length: count }, (_, i) => levels.getFloat32(4 * i, true));
  if (!table.every(Number.isFinite)) fail("one of its levels is not a finite number");
  const highest = codes.reduce((a, b) => Math.max(a, b), 0);
  if (highest >= count) fail(`a weight has level ${highest} of ${count}`);
  const sizes = shapes.map(({ shape }) => shape.reduce((product, extent) => product * extent, 1));
  const expected = sizes.reduce((sum, size) => sum + size, 0);
  if (codes.length !== expected) fail(`its shapes make ${expected} weights, it has ${codes.length}`);

  const tensors: TensorMap = new Map();
  let begin = 0;
  for (const [i, { name, shape }] of shapes.entries()) {
    if (tensors.has(name)) fail(`two of its tensors are called ${JSON.stringify(name)}`);
    const own = codes.subarray(begin, begin + sizes[i]!);
    tensors.set(name, { dtype: "F32", shape, data: Float32Array.from(own, (code) => table[code]!) });
    begin += own.length;
  }
  return tensors;
}

function readShapes(text: string, fail: (problem: string, cause?: unknown) => never): readonly Entry[] {
  const problem = "its first part is no list of names and shapes";
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) && list.every(isEntry) ? list : fail(problem);
  } catch (cause) {
    return fail(problem, cause);
  }
}

const isEntry = (value: unknown): value is Entry =>
  isRecord(value) &&
  Object.keys(value).length === 2 &&
  typeof value.name === "string" &&
  value.name !== "" &&
  Array.isArray(value.shape) &&
  value.shape.length <= 8 &&
  value.shape.every((extent) => Number.isSafeInteger(extent) && extent >= 1);
