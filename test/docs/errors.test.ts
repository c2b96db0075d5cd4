import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { ERROR_CODES } from "../../src/errors.js";

const DOCS = fileURLToPath(new URL("../../docs/", import.meta.url));
const page = readFileSync(`${DOCS}errors.md`, "utf8");

/** The codes that the rows of a section begin with. */
const codesOf = (text: string): string[] =>
  [...text.matchAll(/^\| `(E_[A-Z_]+)` \|/gm)].map((row) => row[1]!);

describe("docs/errors.md", () => {
  it("has a row for every code, once, and none for others", () => {
    expect(codesOf(page).sort()).toEqual(Object.keys(ERROR_CODES).sort());
  });

  it("has the codes of exit status 2, and no others, in the section that says so", () => {
    const section = page.split("\n## ").find((part) => part.includes("(status 2)"))!;
    const usage = Object.entries(ERROR_CODES).filter(([, status]) => status === 2);
    expect(codesOf(section).sort()).toEqual(usage.map(([code]) => code).sort());
  });

  it("leaves no cell of meaning empty", () => {
    for (const row of page.match(/^\| `E_.*$/gm)!) expect(row.split("|")[2]!.trim()).not.toBe("");
  });
});

/** The text of all TypeScript files below a folder of the repository. */
function sources(folder: string): string {
  const root = fileURLToPath(new URL(`../../${folder}/`, import.meta.url));
  const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".ts"),
  );
  return files.map((name) => readFileSync(root + name, "utf8")).join("\n");
}

describe("every code", () => {
  const [raised, tested] = [sources("src"), sources("test")];

  it.each(Object.keys(ERROR_CODES))("%s is raised, and a test asks for it", (code) => {
    expect(raised).toContain(`"${code}"`);
    expect(tested).toMatch(new RegExp(`\\b${code}\\b`));
  });
});

it.each(readdirSync(DOCS).filter((name) => name.endsWith(".md")))("%s names no unknown code", (name) => {
  const named = readFileSync(DOCS + name, "utf8").match(/\bE_[A-Z]+(?:_[A-Z]+)*\b(?!_…)/g) ?? [];
  expect(named.filter((code) => !Object.hasOwn(ERROR_CODES, code))).toEqual([]);
});
