// Writes a data set as the four image folders that training reads.
import { existsSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";

/** @typedef {{ split: string, name: string, size: number, rgb: Uint8Array }} Tile `split` names the folder: trainA, trainB, testA, testB … */

/**
 * Writes every tile as `folder/split/name.png`. The folder appears under its name only when it is whole.
 * @param {string} folder
 * @param {Iterable<Tile> | AsyncIterable<Tile>} tiles
 * @param {object} about what the set is, kept beside it as `set.json`
 * @returns {Promise<Record<string, number>>} tiles by split
 */
export async function writeFolders(folder, tiles, about) {
  const temporary = `${folder}.${process.pid}.tmp`;
  await rm(temporary, { recursive: true, force: true });
  await mkdir(temporary, { recursive: true });
  const counts = {};
  for await (const { split, name, size, rgb } of tiles) {
    if (counts[split] === undefined) await mkdir(join(temporary, split));
    const raw = { width: size, height: size, channels: 3 };
    await sharp(rgb, { raw })
      .png({ compressionLevel: 6 })
      .toFile(join(temporary, split, `${name}.png`));
    counts[split] = (counts[split] ?? 0) + 1;
  }
  await writeFile(join(temporary, "set.json"), `${JSON.stringify({ ...about, counts }, null, 2)}\n`);
  if (existsSync(folder)) await rm(folder, { recursive: true });
  await rename(temporary, folder);
  return counts;
}
