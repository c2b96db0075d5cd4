import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { decodeImage } from "../../src/data/image.js";
import { composeGrid } from "../../src/evaluation/grid.js";

// The font library reads its configuration with the first text of a process: this file has a process of its own.
const folder = mkdtempSync(join(tmpdir(), "pixcycle-fonts-"));
writeFileSync(join(folder, "fonts.conf"), "<fontconfig></fontconfig>");
process.env.FONTCONFIG_FILE = join(folder, "fonts.conf");

afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("leaves titles out, rather than drawing boxes, where there are no fonts", async () => {
  const image = { shape: [1, 16, 16], data: new Float32Array(256) };
  const bare = await decodeImage(await composeGrid([[image, image]]));
  expect(await decodeImage(await composeGrid([[image, image]], { columns: ["input", "truth"] }))).toEqual(
    bare,
  );
});
