import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

/** The folders and files of src, from the bottom up: each imports itself and those in lines above it only. */
const LAYERS: readonly (readonly string[])[] = [
  ["errors", "version"],
  ["random", "options", "formats"],
  ["data"],
  ["graph"],
  ["autodiff", "onnx"],
  ["nn"],
  ["networks"],
  ["models"],
  ["runtime"],
  ["evaluation"],
  ["training"],
  ["translation"],
  ["web"],
  ["site"],
  ["distillation", "demo"],
  ["cli", "index"],
];

const SRC = fileURLToPath(new URL("../src", import.meta.url));

const layerOf = (file: string): string =>
  relative(SRC, file)
    .split(sep)[0]!
    .replace(/\.[jt]s$/, "");

const levelOf = (layer: string): number => LAYERS.findIndex((layers) => layers.includes(layer));

const files = readdirSync(SRC, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => join(SRC, name));

/** The layers that a source text at `file` imports, static or dynamic, types too. */
function importedLayers(file: string, text: string): string[] {
  const paths = [...text.matchAll(/(?:\bfrom|\bimport\s*\(|\bimport)\s*"(\.{1,2}\/[^"]+)"/g)];
  return paths.map((match) => layerOf(join(dirname(file), match[1]!)));
}

const mayImport = (from: string, to: string): boolean => from === to || levelOf(to) < levelOf(from);

describe("layers of src", () => {
  it("are all listed", () => {
    expect([...new Set(files.map(layerOf))].filter((layer) => levelOf(layer) < 0)).toEqual([]);
  });

  it("import only downwards", () => {
    const upward = files.flatMap((file) =>
      importedLayers(file, readFileSync(file, "utf8"))
        .filter((layer) => !mayImport(layerOf(file), layer))
        .map((layer) => `${relative(SRC, file)} imports ${layer}`),
    );
    expect(upward).toEqual([]);
  });

  it("have the tensor language on its own: it knows the errors, and nothing else", () => {
    const known = files
      .filter((file) => layerOf(file) === "graph")
      .flatMap((file) => importedLayers(file, readFileSync(file, "utf8")));
    expect(new Set(known)).toEqual(new Set(["graph", "errors"]));
  });

  it("would not get an upward import past this test, however it is written", () => {
    const file = join(SRC, "graph", "passes", "pass.ts");
    const text = [
      'import { a } from "../../onnx/model.js";',
      'import type {\n  B,\n} from "../../nn/layers.js";',
      'export * from "../../training/trainer.js";',
      'import "../../cli/main.js";',
      'const runtime = await import("../../runtime/ort.js");',
      'import { Graph } from "../graph.js";',
    ].join("\n");
    const imported = importedLayers(file, text);
    expect(imported).toEqual(["onnx", "nn", "training", "cli", "runtime", "graph"]);
    expect(imported.filter((layer) => mayImport("graph", layer))).toEqual(["graph"]);
  });
});
