// node bench/data/make.mjs NAME... [--size 64] [--out bench/data/out] [--force]
// Rebuilds the benchmark sets from published packages; a set that is already there is left as it is.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { emojiStyle } from "./emoji-style.mjs";
import { fluent3d, fluentColor } from "./fluent.mjs";
import { writeFolders } from "./folders.mjs";
import { REPOSITORY } from "./packages.mjs";
import { seasons } from "./seasons.mjs";

const SETS = {
  "fluent-3d": { tiles: fluent3d, task: "flat icon → 3D render, paired, A to B" },
  "fluent-color": { tiles: fluentColor, task: "line art → flat colour, paired, A to B" },
  seasons: {
    tiles: seasons,
    task: "summer ↔ winter Earth, trained unpaired, test tiles are aligned",
  },
  "emoji-style": { tiles: emojiStyle, task: "Twemoji ↔ Noto, unpaired, test icons share their meaning only" },
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    size: { type: "string", default: "64" },
    out: { type: "string", default: join(REPOSITORY, "bench", "data", "out") },
    force: { type: "boolean", default: false },
  },
});
const size = Number(values.size);
const known = positionals.every((name) => name in SETS);
if (positionals.length === 0 || !known || !Number.isInteger(size) || size < 16 || size > 128) {
  console.error(`usage: node bench/data/make.mjs NAME... [--size 16..128] [--out DIR] [--force]`);
  console.error(`NAME: ${Object.keys(SETS).join(", ")}`);
  process.exit(2);
}
for (const name of positionals) {
  const folder = join(values.out, size === 64 ? name : `${name}-${size}`);
  let counts;
  if (existsSync(folder) && !values.force) {
    counts = JSON.parse(await readFile(join(folder, "set.json"), "utf8")).counts;
  } else {
    const { tiles, task } = SETS[name];
    counts = await writeFolders(folder, tiles(size), { name, task, size });
  }
  const text = Object.entries(counts).map(([split, count]) => `${split} ${count}`);
  console.log(`${folder}: ${text.join(", ")}`);
}
