import { basename, extname } from "node:path";
import { PixcycleError } from "../errors.js";
import { counted } from "../formats/words.js";
import { parameterCount } from "../networks/registry.js";
import { type OnnxPort, type OnnxSummary, summariseOnnx } from "../onnx/summary.js";
import { exportedNetwork, readOnnxFile } from "../translation/exported.js";
import type { InspectedNetwork, Inspection } from "./inspection.js";

/**
 * Looks at an ONNX file, of pixcycle or of another program.
 * @throws PixcycleError E_FILE_MISSING, E_FILE_FORMAT
 */
export async function inspectOnnx(path: string): Promise<Inspection> {
  const bytes = await readOnnxFile(path);
  const onnx = { bytes: bytes.length, ...summariseOnnx(bytes, path) };
  const networks = isExport(onnx) ? [networkOf(onnx, path)] : [];
  return { kind: "onnx", name: basename(path, extname(path)), networks, onnx };
}

const isExport = ({ metadata }: OnnxSummary): boolean =>
  metadata.kind === "generator" || metadata.kind === "discriminator";

function networkOf({ graph: name, metadata }: OnnxSummary, file: string): InspectedNetwork {
  try {
    const { architecture, network } = exportedNetwork(name, metadata, file);
    const dropout = metadata.dropout === "on";
    const shown = architecture.kind === "generator" ? { ...architecture, dropout } : architecture;
    return { name, file, architecture: shown, parameters: parameterCount(network) };
  } catch (error) {
    if (!(error instanceof PixcycleError)) throw error;
    return { name, file, problem: error.toLine() };
  }
}

/** What is told of an ONNX file beside its network: rows of a title and a text. */
export function describeOnnx(onnx: NonNullable<Inspection["onnx"]>): [title: string, text: string][] {
  const { inputs, outputs, operators, operatorSets, weights, bytes, externalFiles, metadata } = onnx;
  const sets = Object.entries(operatorSets).map(([domain, set]) => `${domain} ${set}`);
  const held = weights.map(
    ({ type, numbers, tensors }) =>
      `${type}: ${numbers.toLocaleString("en")} in ${counted(tensors, "tensor")}`,
  );
  const facts = Object.entries(metadata).filter(([key]) => !isExport(onnx) || !TOLD.has(key));
  return [
    ...inputs.map((input): [string, string] => ["input", `${describePort(input)}${wanted(metadata)}`]),
    ...outputs.map((output): [string, string] => ["output", describePort(output)]),
    ["weights", `${held.join("; ") || "none"} (the file: ${(bytes / 1e6).toFixed(1)} MB)`],
    ...(externalFiles.length === 0
      ? []
      : [["", `some of them in ${externalFiles.join(", ")}`] as [string, string]]),
    ["operators", `${operators.toLocaleString("en")}, of ${sets.join(", ")}`],
    ...facts.map(([key, value], i): [string, string] => [
      i === 0 ? "metadata" : "",
      `${key} ${value.length > LONGEST ? `${value.slice(0, LONGEST)}…` : value}`,
    ]),
  ];
}

/** What other lines have said. */
const TOLD = new Set([
  "kind",
  "options",
  "input_channels",
  "output_channels",
  "range",
  "divisor",
  "minimum_size",
]);
const LONGEST = 100;

function describePort({ name, type, shape }: OnnxPort): string {
  return `${name}: ${type}${shape === undefined ? "" : ` [${shape.join(", ")}]`}`;
}

/** Values and sides that an exported network wants. */
function wanted({ range, divisor, minimum_size }: OnnxSummary["metadata"]): string {
  const sides = Number(divisor) > 1 ? `multiples of ${divisor}, ` : "";
  return [
    ...(range === undefined ? [] : [`, values in ${range}`]),
    ...(minimum_size === undefined ? [] : [`; sides are ${sides}at least ${minimum_size}`]),
  ].join("");
}
