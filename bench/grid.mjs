// node bench/grid.mjs OUT.png TITLE=FOLDER... [--across 4] [--count 24] [--skip 0] [--every 1]
// Puts images of equal names from several folders side by side, a column for each folder: input, output, truth.
// `pixcycle translate` writes NAME_fake_B.png and NAME_fake_A.png, which count as NAME. Needs `npm run build` first.
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { decodeImage } from "../dist/data/image.js";
import { imageToTensor } from "../dist/data/pixels.js";
import { composeGrid } from "../dist/evaluation/grid.js";

const number = (value) => ({ type: "string", default: String(value) });
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { across: number(4), count: number(24), skip: number(0), every: number(1) },
});
const [out, ...columns] = positionals;
if (out === undefined || columns.length === 0 || !columns.every((column) => /^[^=]+=.+/.test(column))) {
  console.error(
    "usage: node bench/grid.mjs OUT.png TITLE=FOLDER... [--across N] [--count N] [--skip N] [--every N]",
  );
  process.exit(2);
}

/** Name without extension and without what translate adds → path; its copies of the inputs are left out. */
async function imagesOf(folder) {
  const files = (await readdir(folder)).filter((file) => /(?<!_real_[AB])\.(png|jpe?g|webp)$/i.test(file));
  return new Map(files.map((file) => [file.replace(/(_fake_[AB])?\.\w+$/, ""), join(folder, file)]));
}

const titles = columns.map((column) => column.slice(0, column.indexOf("=")));
const folders = await Promise.all(columns.map((column) => imagesOf(column.slice(column.indexOf("=") + 1))));
const chosen = [...folders[0].keys()]
  .sort()
  .slice(Number(values.skip))
  .filter((_, i) => i % Number(values.every) === 0)
  .slice(0, Number(values.count));
const rows = await Promise.all(
  chosen.map((name) =>
    Promise.all(
      folders.map(async (folder, i) => {
        if (!folder.has(name)) throw new Error(`${name} is not in ${columns[i]}`);
        return imageToTensor(await decodeImage(folder.get(name), { onWhite: true }));
      }),
    ),
  ),
);
await writeFile(out, await composeGrid(rows, { columns: titles, across: Number(values.across) }));
