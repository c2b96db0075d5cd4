import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { version } from "../src/version.js";

it("has the version of package.json in the code", () => {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  expect(version).toBe((JSON.parse(text) as { version: string }).version);
});
