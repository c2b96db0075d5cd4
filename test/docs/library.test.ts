import { spawnSync } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeToyData } from "../cli/toy-data.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const COMPILER = join(
  dirname(createRequire(import.meta.url).resolve("typescript/package.json")),
  "bin",
  "tsc",
);

/** A folder inside the package, where `pixcycle` is the package itself. */
let work: string;

beforeAll(async () => {
  await mkdir(join(ROOT, ".cache"), { recursive: true });
  work = await mkdtemp(join(ROOT, ".cache", "library-"));
  await cp(join(ROOT, "examples"), work, { recursive: true });
  const page = await readFile(join(ROOT, "docs", "library.md"), "utf8");
  const blocks = [...page.matchAll(/```ts\n(.*?)```/gs)].map((match) => match[1]!);
  expect(blocks.length).toBeGreaterThan(8);
  for (const [i, block] of blocks.entries()) await writeFile(join(work, `block-${i + 1}.ts`), block);
  const config = {
    extends: join(ROOT, "tsconfig.json"),
    compilerOptions: { noEmit: false, rootDir: ".", outDir: "out", noUnusedLocals: true },
    include: ["*.ts"],
  };
  await writeFile(join(work, "tsconfig.json"), JSON.stringify(config));
  await makeToyData(join(work, "data"), 3);
  await cp(join(work, "data", "train"), join(work, "data", "test"), { recursive: true });
});

afterAll(() => rm(work, { recursive: true, force: true }));

const run = (...args: string[]) => spawnSync(process.execPath, args, { cwd: work, encoding: "utf8" });

const tiny = {
  ...{ netG: "resnet_6blocks", ngf: 2, netD: "pixel", ndf: 2, load_size: 16, crop_size: 16 },
  ...{ num_threads: 0, threads: 1 },
};

describe("the library", () => {
  it("has the types that its page and its examples use", () => {
    const { stdout, status } = run(COMPILER, "-p", "tsconfig.json");
    expect(stdout).toBe("");
    expect(status).toBe(0);
  });

  it("examples/train.ts trains, and goes on when started again", () => {
    const options = JSON.stringify({ ...tiny, n_epochs: 1, n_epochs_decay: 0 });
    const first = run("out/train.js", "data", "toy", options);
    expect(first.stderr).toBe("");
    expect(first.stdout).toMatch(/epoch 1: mean G_L1 \d+\.\d\d, next rate 0\ndone: runs.toy\n$/);
    const again = run(
      "out/train.js",
      "data",
      "toy",
      JSON.stringify({ ...tiny, n_epochs: 2, n_epochs_decay: 0 }),
    );
    expect(again.stderr).toBe("");
    expect(again.stdout).toMatch(/continuing from .*step-00000003\n.*epoch 2: mean.*done/s);
  });

  it("examples/custom-loop.ts keeps weights that examples/translate-folder.ts translates with", () => {
    const loop = run("out/custom-loop.js", "data", "2", JSON.stringify(tiny));
    expect(loop.stderr).toBe("");
    expect(loop.stdout).toMatch(/^epoch 1: G_L1 .*\nepoch 2: G_L1 .*\nbest 0\.\d{4}: best\.safetensors\n$/);
    const translation = run("out/translate-folder.js", "best.safetensors", "data/trainA", "results");
    expect(translation.stderr).toBe("");
    expect(translation.stdout).toMatch(/^3 images: open results.index\.html\n$/);
  });
});
