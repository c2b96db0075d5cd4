import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const DOCS = join(ROOT, "docs");

const pages = ["README.md", "CONTRIBUTING.md", ...readdirSync(DOCS).map((name) => `docs/${name}`)].filter(
  (name) => name.endsWith(".md") && existsSync(join(ROOT, name)),
);
const read = (page: string): string => readFileSync(join(ROOT, page), "utf8");

/** Paths of the repository that a text names in code marks. */
const pathsIn = (text: string): string[] =>
  [...text.matchAll(/`((?:src|test|bench|docs|examples|assets|scripts|bin)\/[\w./-]*)`/g)].map(
    (match) => match[1]!,
  );

describe("docs/overview.md", () => {
  const page = read("docs/overview.md");

  it("names every folder of src", () => {
    const files = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" });
    const folders = files
      .filter((file) => file.endsWith(".ts") && dirname(file) !== ".")
      .map((file) => `src/${dirname(file).replaceAll("\\", "/")}/`);
    expect([...new Set(folders)].filter((folder) => !page.includes(`\`${folder}\``))).toEqual([]);
  });

  it("has the layers in the order in which each may import those before it", () => {
    const source = readFileSync(join(ROOT, "test/layers.test.ts"), "utf8");
    const levels = [...source.matchAll(/^ {2}\[("\w+".*)\],$/gm)].map((match) => match[1]!);
    const layers = [...page.matchAll(/^\*\*`src\/(\w+)\/`/gm)].map((match) => match[1]!);
    const ranks = layers.map((layer) => levels.findIndex((level) => level.includes(`"${layer}"`)));
    expect(ranks).toEqual(ranks.toSorted((a, b) => a - b));
    expect(new Set(ranks).size).toBeGreaterThan(10);
    expect(ranks).not.toContain(-1);
  });
});

describe.each(pages)("%s", (page) => {
  it("names only paths that exist", () => {
    expect(pathsIn(read(page)).filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  it("links only to files that exist", () => {
    const links = [...read(page).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map((match) => match[1]!);
    expect(links.filter((link) => !existsSync(join(ROOT, page, "..", link)))).toEqual([]);
  });
});
