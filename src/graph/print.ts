import { type Tensor, topologicalOrder } from "./graph.js";
import { showShape } from "./shape.js";

/** Longest array that is printed in full. */
const SHOWN_ELEMENTS = 8;

/**
 * The graph as text, one line per node in the order of evaluation, values numbered from %0:
 * `%12 = conv2d(%3, %7) {stride: 2, padding: 1} : [1, 64, 128, 128]  # netG/down1/conv`, and last the named outputs.
 */
export function printGraph(outputs: Readonly<Record<string, Tensor>>): string {
  const names = new Map<Tensor, string>();
  const nameOf = (tensor: Tensor): string => names.get(tensor)!;
  const lines = topologicalOrder(Object.values(outputs)).map((node) => {
    for (const output of node.outputs) names.set(output, `%${names.size}`);
    const results = node.outputs.map(nameOf).join(", ");
    const types = node.outputs.map(showType).join(", ");
    const scope = node.scope === "" ? "" : `  # ${node.scope}`;
    const operation = `${node.op}(${node.inputs.map(nameOf).join(", ")})${showAttributes(node.attributes)}`;
    return `${results} = ${operation} : ${types}${scope}`;
  });
  const results = Object.entries(outputs).map(([name, tensor]) => `${name}: ${nameOf(tensor)}`);
  return [...lines, `return ${results.join(", ")}`, ""].join("\n");
}

const showType = ({ dtype, shape }: Tensor): string =>
  dtype === "float32" ? showShape(shape) : `${dtype}${showShape(shape)}`;

/** Without `shape`, which the result's type repeats. */
function showAttributes(attributes: object): string {
  const shown = Object.entries(attributes).filter(([name]) => name !== "shape");
  return shown.length === 0
    ? ""
    : ` {${shown.map(([name, value]) => `${name}: ${showValue(value)}`).join(", ")}}`;
}

function showValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(showValue).join(", ")}]`;
  if (value instanceof Float32Array) {
    const shown = Array.from(value.subarray(0, SHOWN_ELEMENTS), (element) => showFloat(element));
    return `[${shown.join(", ")}${value.length > SHOWN_ELEMENTS ? ", …" : ""}]`;
  }
  if (typeof value === "object" && value !== null) {
    const parts = Object.values(value);
    // An even padding reads better as one number.
    return parts.every((part) => part === parts[0]) ? showValue(parts[0]) : showAttributes(value).trimStart();
  }
  return String(value);
}

/** The shortest decimal that is still the same float32. */
function showFloat(value: number): string {
  for (let digits = 1; digits < 9; digits++) {
    const text = Number(value.toPrecision(digits));
    if (Math.fround(text) === value) return String(text);
  }
  return String(value);
}
