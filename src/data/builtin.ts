import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { PixcycleError } from "../errors.js";
import { writeDirectoryAtomic, writeFileAtomic } from "../formats/atomic.js";
import { makeFolder } from "../formats/make-folder.js";
import { decodeImage, encodeImage } from "./image.js";
import type { Image } from "./pixels.js";

/** What the built-in icons can teach: shading, or colouring. */
export type BuiltinTask = "flat-to-3d" | "line-to-flat";

export interface BuiltinOptions {
  readonly task: BuiltinTask;
  /** `aligned`: the same training icons on both sides; `unaligned`: no icon is on both. */
  readonly layout: "aligned" | "unaligned";
}

/** An icon of the set, 64×64 RGB. */
export interface BuiltinIcon {
  readonly name: string;
  readonly image: Image;
}

/** The four folders of a data set by name; `testA` and `testB` hold the same 32 held-out icons in one order. */
export type BuiltinFolders = Readonly<
  Record<"trainA" | "trainB" | "testA" | "testB", readonly BuiltinIcon[]>
>;

type Style = "line" | "flat" | "3d";

const STYLES: Readonly<Record<BuiltinTask, { readonly A: Style; readonly B: Style }>> = {
  "flat-to-3d": { A: "flat", B: "3d" },
  "line-to-flat": { A: "line", B: "flat" },
};

/** assets/builtin/icons.json: the sheets' order, row by row, left to right. */
interface Index {
  readonly size: number;
  readonly columns: number;
  readonly styles: Readonly<Record<Style, string>>;
  readonly icons: readonly { readonly name: string; readonly split: "train" | "test" }[];
}

interface Assets {
  readonly index: Index;
  readonly sheetA: Uint8Array;
  readonly sheetB: Uint8Array;
  /** Changes whenever one of the files does. */
  readonly fingerprint: string;
}

const MARKER = "builtin.json";

/**
 * The built-in set in memory: 256 icons of Microsoft's Fluent Emoji (MIT) in aligned styles, 224 for training and 32
 * held out; unaligned, every other training icon is on side A and the rest on side B.
 * @throws PixcycleError E_FILE_MISSING, E_IMAGE_READ where the package is incomplete
 */
export async function loadBuiltin(options: BuiltinOptions): Promise<BuiltinFolders> {
  return cutFolders(await readAssets(options.task), options.layout);
}

/**
 * Writes the built-in set as ordinary image folders, `trainA`, `trainB`, `testA` and `testB` of PNG files, into `folder`
 * (made if it is missing). A folder that already holds exactly this set is left as it is.
 * @throws PixcycleError as {@link loadBuiltin}, and E_FILE_WRITE
 */
export async function writeBuiltin(folder: string, options: BuiltinOptions): Promise<void> {
  const assets = await readAssets(options.task);
  const marker = `${JSON.stringify({ task: options.task, layout: options.layout, assets: assets.fingerprint })}\n`;
  const markerFile = join(folder, MARKER);
  const written = await readFile(markerFile, "utf8").catch(() => undefined);
  if (written === marker) return;
  await makeFolder(folder).catch((cause: Error) => {
    throw new PixcycleError("E_FILE_WRITE", `Cannot make the folder ${folder}: ${cause.message}.`, {
      hint: "Choose a folder you may write to.",
      cause,
    });
  });
  for (const [name, icons] of Object.entries(await cutFolders(assets, options.layout))) {
    const files = await Promise.all(
      icons.map(async (icon) => [`${icon.name}.png`, await encodeImage(icon.image, "png")] as const),
    );
    await writeDirectoryAtomic(join(folder, name), new Map(files));
  }
  // Last, so that an interrupted run is done again.
  await writeFileAtomic(markerFile, marker);
}

/** The package's own folder: the same two levels up from src/data and from dist/data. */
const ASSETS = fileURLToPath(new URL("../../assets/builtin/", import.meta.url));

async function readAssets(task: BuiltinTask): Promise<Assets> {
  const hash = createHash("sha256");
  const read = async (name: string) => {
    const bytes = await readFile(join(ASSETS, name)).catch((cause: unknown) => {
      throw new PixcycleError("E_FILE_MISSING", `${join(ASSETS, name)} is missing.`, {
        hint: "Install pixcycle again.",
        cause,
      });
    });
    hash.update(bytes);
    return bytes;
  };
  const index: Index = JSON.parse((await read("icons.json")).toString("utf8"));
  const { A, B } = STYLES[task];
  const sheetA = await read(index.styles[A]);
  const sheetB = await read(index.styles[B]);
  return { index, sheetA, sheetB, fingerprint: hash.digest("hex").slice(0, 16) };
}

async function cutFolders(assets: Assets, layout: BuiltinOptions["layout"]): Promise<BuiltinFolders> {
  const { index } = assets;
  const [A, B] = await Promise.all(
    [assets.sheetA, assets.sheetB].map(async (bytes) => {
      const sheet = await decodeImage(bytes, { channels: 3, name: "A built-in sheet" });
      return index.icons.map(({ name, split }, i) => ({ name, split, image: cutIcon(sheet, index, i) }));
    }),
  );
  const pick = (icons: typeof A, split: "train" | "test") =>
    icons!.filter((icon) => icon.split === split).map(({ name, image }) => ({ name, image }));
  const folders = {
    trainA: pick(A, "train"),
    trainB: pick(B, "train"),
    testA: pick(A, "test"),
    testB: pick(B, "test"),
  };
  if (layout === "aligned") return folders;
  return {
    ...folders,
    trainA: folders.trainA.filter((_, i) => i % 2 === 0),
    trainB: folders.trainB.filter((_, i) => i % 2 === 1),
  };
}

function cutIcon(sheet: Image, { size, columns }: Index, position: number): Image {
  const left = (position % columns) * size;
  const top = Math.floor(position / columns) * size;
  const data = new Uint8Array(size * size * 3);
  for (let row = 0; row < size; row++) {
    const from = ((top + row) * sheet.width + left) * 3;
    data.set(sheet.data.subarray(from, from + size * 3), row * size * 3);
  }
  return { width: size, height: size, channels: 3, depth: 8, data };
}
