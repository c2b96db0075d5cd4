import { createHash } from "node:crypto";
import { copyFile, cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { decodeImage, encodeImage } from "../data/image.js";
import { resizeBicubic, resizeNearest } from "../data/resize.js";
import { PixcycleError } from "../errors.js";
import { type LabelPalette, readPalette } from "../evaluation/segmentation.js";
import { createDirectoryAtomic } from "../formats/atomic.js";
import { version } from "../version.js";
import { type ExportedModel, type ExportModelOptions, exportModel } from "./export.js";
import { listInputs } from "./inputs.js";
import type { SiteInfo } from "./site-info.js";

export interface ExportSiteOptions extends Omit<ExportModelOptions, "format" | "dropout"> {
  /** The page's title; the model's name if left out. */
  readonly title?: string;
  /** A file with the classes of the label maps that it translates, the background first: drawings have its colours. */
  readonly palette?: string;
  /** Images or folders of images to begin with, the first twelve. */
  readonly examples?: readonly string[];
}

export interface ExportedSite extends Pick<ExportedModel, "network" | "parity" | "notices"> {
  readonly info: SiteInfo;
}

const MODEL = "model.onnx";
const MOST_EXAMPLES = 12;
/** Longest side of an example. */
const EXAMPLE_SIZE = 512;
/** The size of images where no training tells it. */
const USUAL_SIZE = 256;
/** Of onnxruntime-web: on the CPU, and on WebGPU. */
const RUNTIMES = ["ort-wasm-simd-threaded", "ort-wasm-simd-threaded.asyncify"];

/**
 * Writes a web page that translates with one trained generator, for any static host: the page, the model, ONNX
 * Runtime. The page asks nothing of any server, and works offline once loaded.
 * @param target a new folder
 * @param source as for `loadTranslator`
 * @throws PixcycleError as `exportModel`; E_CHECKPOINT_MISMATCH for a discriminator; E_FILE_MISSING, E_FILE_FORMAT for the
 *   palette; E_DATA_MISSING, E_DATA_EMPTY, E_IMAGE_READ for examples; E_FILE_WRITE if the folder is not empty
 */
export async function exportSite(
  target: string,
  source: string,
  options: ExportSiteOptions = {},
): Promise<ExportedSite> {
  const { title, palette: paletteFile, examples = [], ...exporting } = options;
  const palette = paletteFile === undefined ? undefined : await readPalette(paletteFile);
  const { bytes, metadata, architecture, ...exported } = await exportModel(source, exporting);
  if (architecture.kind !== "generator") {
    throw new PixcycleError("E_CHECKPOINT_MISMATCH", `${exported.network} is a discriminator.`, {
      hint: "A page translates with net_G, net_G_A or net_G_B.",
    });
  }
  const info = await createDirectoryAtomic(target, async (folder) => {
    await cp(dirname(resolve("#site")), folder, { recursive: true });
    await writeFile(join(folder, MODEL), bytes);
    const name = title ?? metadata.source!.split("/")[0]!;
    const site: SiteInfo = {
      ...{ name, model: MODEL, bytes: bytes.length },
      size: Number(metadata.image_size ?? USUAL_SIZE),
      ...(palette && { palette: palette.map(({ name, color }) => ({ name, color })) }),
      examples: await writeExamples(folder, examples, palette),
      facts: factsOf(metadata, architecture.netG, bytes.length),
    };
    await writeFile(join(folder, "site.json"), JSON.stringify(site));
    await fillIn(join(folder, "site.webmanifest"), { "%NAME%": JSON.stringify(name).slice(1, -1) });
    await finishServiceWorker(folder, bytes);
    await mkdir(join(folder, "ort"));
    for (const file of RUNTIMES.flatMap((runtime) => [`${runtime}.mjs`, `${runtime}.wasm`])) {
      await copyFile(resolve(`onnxruntime-web/${file}`), join(folder, "ort", file));
    }
    return site;
  });
  return { info, ...exported };
}

const { resolve } = createRequire(import.meta.url);

function factsOf(metadata: Readonly<Record<string, string>>, netG: string, bytes: number): SiteInfo["facts"] {
  return {
    Network: `${netG}, ${metadata.source}`,
    ...(metadata.direction && { Direction: metadata.direction }),
    ...(metadata.image_size && { "Trained at": `${metadata.image_size} px` }),
    Weights: `${metadata.precision}, ${(bytes / 1e6).toFixed(1)} MB`,
    "Norm statistics": metadata.norm_statistics!,
    "Made with": `pixcycle ${version}`,
  };
}

/** Examples as PNG files of a size for the screen. */
async function writeExamples(
  folder: string,
  paths: readonly string[],
  palette: LabelPalette | undefined,
): Promise<SiteInfo["examples"]> {
  if (paths.length === 0) return [];
  const inputs = (await listInputs(paths)).slice(0, MOST_EXAMPLES);
  await mkdir(join(folder, "examples"));
  return Promise.all(
    inputs.map(async ({ path, stem }, index) => {
      const image = await decodeImage(path, { channels: 3, onWhite: true });
      const scale = Math.min(1, EXAMPLE_SIZE / Math.max(image.width, image.height));
      const resize = palette ? resizeNearest : resizeBicubic;
      const side = (length: number): number => Math.max(1, Math.round(length * scale));
      const file = `examples/${index + 1}.png`;
      const small = resize(image, side(image.width), side(image.height));
      await writeFile(join(folder, file), await encodeImage(small, "png"));
      return { file: `./${file}`, name: stem };
    }),
  );
}

/** Tells the service worker which files the page consists of; a new version of any makes a new one of it. */
async function finishServiceWorker(folder: string, model: Uint8Array): Promise<void> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = names
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) =>
      join(parentPath, name)
        .slice(folder.length + 1)
        .replaceAll("\\", "/"),
    )
    .filter((name) => name !== "sw.js" && name !== MODEL)
    .sort();
  const hash = createHash("sha256").update(model).update(version);
  for (const name of files) hash.update(name).update(await readFile(join(folder, name)));
  // What a page may never need is kept when it is fetched.
  const shell = files.filter((name) => !/^(assets\/(ort\.webgpu|weights)|examples\/)/.test(name));
  await fillIn(join(folder, "sw.js"), {
    "%VERSION%": hash.digest("hex").slice(0, 16),
    "%SHELL%": shell.join(" "),
  });
}

async function fillIn(path: string, values: Readonly<Record<string, string>>): Promise<void> {
  let text = await readFile(path, "utf8");
  for (const [name, value] of Object.entries(values)) text = text.replace(name, () => value);
  await writeFile(path, text);
}
