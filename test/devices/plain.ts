/** Playwright passes typed arrays to a page and back, but no maps: these become objects with their entries. */
export function toPlain(value: unknown): unknown {
  if (value instanceof Map) return { map: toPlain([...value]) };
  return through(value, toPlain);
}

/** Back from `toPlain`. */
export function fromPlain(value: unknown): unknown {
  if (isObject(value) && Array.isArray(value.map))
    return new Map(fromPlain(value.map) as [unknown, unknown][]);
  return through(value, fromPlain);
}

/** Likewise within arrays and objects. */
function through(value: unknown, change: (part: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map(change);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, change(part)]));
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !ArrayBuffer.isView(value) && !Array.isArray(value);
