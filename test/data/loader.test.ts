import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import type { BatchSource } from "../../src/data/batches.js";
import { openDataset } from "../../src/data/dataset.js";
import { ImageMemory, imageBudget } from "../../src/data/image-memory.js";
import { createLoader, type LoadedBatch, Loader, type LoaderOptions } from "../../src/data/loader.js";
import { datasetOptions, failure, noiseImage, temporaryFolder, writeImage } from "./files.js";

const folder = temporaryFolder("loader");
const COUNT = 7;

beforeAll(async () => {
  for (let i = 0; i < COUNT; i++) {
    for (const side of ["trainA", "trainB"]) {
      await writeImage(join(folder, "good", side, `${i}.png`), noiseImage(12, 12, 3, 8, `${side}${i}`));
    }
    await writeImage(join(folder, "side by side", "train", `${i}.png`), noiseImage(24, 12, 3, 8, `pair${i}`));
  }
});

function options(changes: Partial<LoaderOptions> = {}): LoaderOptions {
  const base = datasetOptions(join(folder, "good"), { dataset_mode: "unaligned", no_flip: false });
  return { ...base, batch_size: 2, num_threads: 2, ...changes };
}

async function withLoader<T>(
  changes: Partial<LoaderOptions>,
  use: (loader: Loader) => Promise<T>,
): Promise<T> {
  const loader = await createLoader(options(changes));
  try {
    return await use(loader);
  } finally {
    await loader.close();
  }
}

async function collect(batches: AsyncIterable<LoadedBatch>): Promise<LoadedBatch[]> {
  const all: LoadedBatch[] = [];
  for await (const batch of batches) all.push(batch);
  return all;
}

describe("Loader", () => {
  it("gives every sample once an epoch, stacked, the last batch smaller", async () => {
    await withLoader({}, async (loader) => {
      expect([loader.samples, loader.batches]).toEqual([COUNT, 4]);
      const batches = await collect(loader.epoch(3));
      expect(batches.map((batch) => batch.real_A.shape)).toEqual([
        [2, 3, 8, 8],
        [2, 3, 8, 8],
        [2, 3, 8, 8],
        [1, 3, 8, 8],
      ]);
      const paths = batches.flatMap((batch) => batch.paths);
      expect(new Set(paths.map(({ A }) => A)).size).toBe(COUNT);

      const dataset = await openDataset(options());
      const [first] = batches;
      for (const i of [0, 1]) {
        const index = Number(/(\d)\.png$/.exec(first!.paths[i]!.A)![1]);
        const sample = await dataset.sample(index, 3);
        expect(first!.paths[i]).toEqual(sample.paths);
        expect(first!.real_A.data.slice(i * 192, (i + 1) * 192)).toEqual(sample.A.data);
        expect(first!.real_B.data.slice(i * 192, (i + 1) * 192)).toEqual(sample.B?.data);
      }
    });
  });

  it("gives the same batches with any number of threads", async () => {
    const read = (loader: Loader) => collect(loader.epoch(1));
    const alone = await withLoader({ num_threads: 0 }, read);
    expect(await withLoader({ num_threads: 1 }, read)).toEqual(alone);
    expect(await withLoader({ num_threads: 3 }, read)).toEqual(alone);
  });

  it("continues at any batch exactly, and crosses epochs", async () => {
    const whole = await withLoader({}, async (loader) => [
      ...(await collect(loader.epoch(0))),
      ...(await collect(loader.epoch(1))),
    ]);
    expect(whole.length).toBe(8);
    const resumed = await withLoader({}, async (loader) => [
      ...(await collect(loader.epoch(0, 3))),
      ...(await collect(loader.epoch(1))),
    ]);
    expect(resumed).toEqual(whole.slice(3));
    const jumped = await withLoader({}, async (loader) => {
      await loader.epoch(0).next();
      return collect(loader.epoch(1, 2));
    });
    expect(jumped).toEqual(whole.slice(6));
  });

  it("shuffles by epoch and seed, unless the batches are serial", async () => {
    const order = (changes: Partial<LoaderOptions>, epoch: number) =>
      withLoader({ num_threads: 0, ...changes }, async (loader) =>
        (await collect(loader.epoch(epoch))).flatMap(({ paths }) => paths.map(({ A }) => A.at(-5))).join(""),
      );
    const first = await order({}, 0);
    expect(await order({}, 0)).toBe(first);
    expect(await order({}, 1)).not.toBe(first);
    expect(await order({ seed: 9 }, 0)).not.toBe(first);
    expect(await order({ serial_batches: true }, 5)).toBe("0123456");
    expect(await order({ serial_batches: true, max_dataset_size: 3 }, 0)).toBe("012");
  });

  it.each([
    ["aligned", 0],
    ["aligned", 2],
    ["unaligned", 2],
    ["colorization", 2],
  ] as const)(
    "gives the same bits from memory, of some images or of all (%s, %i threads)",
    async (dataset_mode, num_threads) => {
      const shape = dataset_mode === "colorization" ? { input_nc: 1, output_nc: 2 } : {};
      const dataroot = join(folder, dataset_mode === "unaligned" ? "good" : "side by side");
      const changes = { ...{ dataset_mode, dataroot, num_threads, no_flip: false }, ...shape };
      const read = (image_memory: number) =>
        withLoader({ ...changes, image_memory }, async (loader) => {
          const epochs = [];
          for (const epoch of [0, 1, 2]) epochs.push(await collect(loader.epoch(epoch)));
          return epochs;
        });
      const decoded = await read(0);
      expect(await read(-1)).toEqual(decoded);
      expect(await read(0.0005)).toEqual(decoded);
    },
  );

  it("does not read files again whose images are in memory", async () => {
    const dataroot = join(folder, "read once");
    for (let i = 0; i < 3; i++) await writeImage(join(dataroot, "train", `${i}.png`), noiseImage(24, 12));
    const changes = { dataset_mode: "aligned", dataroot, num_threads: 0 } as const;
    const epochs = (image_memory: number, between: () => Promise<void>): Promise<LoadedBatch[]> =>
      withLoader({ ...changes, image_memory }, async (loader) => {
        await collect(loader.epoch(0));
        await between();
        return collect(loader.epoch(1));
      });
    const expected = await epochs(0, async () => undefined);
    expect(await epochs(1, () => rm(join(dataroot, "train"), { recursive: true }))).toEqual(expected);
  });

  it.each([0, 2])("fails at the batch of a bad file with its own error (%i threads)", async (num_threads) => {
    const root = join(folder, `bad ${num_threads}`);
    for (const i of [0, 1, 2, 3]) await writeImage(join(root, "train", `${i}.jpg`), noiseImage(16, 8));
    const path = join(root, "train", "2.jpg");
    writeFileSync(path, readFileSync(path).subarray(0, 300));
    const changes = { dataroot: root, dataset_mode: "aligned", serial_batches: true } as const;
    await withLoader({ ...changes, num_threads, batch_size: 1 }, async (loader) => {
      const batches = loader.epoch(0);
      expect((await batches.next()).done).toBe(false);
      expect((await batches.next()).done).toBe(false);
      const error = await failure(batches.next());
      expect(error.code).toBe("E_IMAGE_READ");
      expect(error.message).toContain(path);
      expect(error.hint).toBe("Replace or remove it.");
      expect((await collect(loader.epoch(0, 3))).length).toBe(1);
    });
  });

  it("refuses samples of different sizes in a batch, by name", async () => {
    const root = join(folder, "sizes");
    await writeImage(join(root, "trainA", "1.png"), noiseImage(12, 8));
    await writeImage(join(root, "trainB", "1.png"), noiseImage(16, 8));
    const changes = { dataroot: root, preprocess: "none", batch_size: 1 } as const;
    const error = await withLoader(changes, (loader) => failure(loader.epoch(0).next()));
    expect(error.code).toBe("E_DATA_SIZE");
    expect(error.message).toBe(
      `${join(root, "trainA", "1.png")} gives 12×8 and ${join(root, "trainB", "1.png")} 16×8: they cannot share a batch.`,
    );
  });

  it("fails to open what has no data, or no target", async () => {
    expect((await failure(createLoader(options({ dataroot: join(folder, "none") })))).code).toBe(
      "E_DATA_MISSING",
    );
    expect((await failure(createLoader(options({ dataset_mode: "single" })))).code).toBe("E_OPTION_CONFLICT");
  });

  it("loads ahead, but no further than two batches a thread", async () => {
    const asked: string[] = [];
    const source: BatchSource = {
      load(epoch, indices) {
        asked.push(`${epoch}:${indices.join()}`);
        return Promise.resolve({
          real_A: { shape: [], data: new Float32Array() },
          real_B: { shape: [], data: new Float32Array() },
          paths: [],
        });
      },
      close: async () => undefined,
    };
    const loader = new Loader(options({ serial_batches: true, num_threads: 1 }), 5, source);
    const batches = loader.epoch(0);
    await batches.next();
    expect(asked).toEqual(["0:0,1", "0:2,3", "0:4"]);
    await batches.next();
    expect(asked.slice(3)).toEqual(["1:0,1"]);
    const onDemand = new Loader(options({ serial_batches: true, num_threads: 0 }), 5, source);
    asked.length = 0;
    await onDemand.epoch(0).next();
    expect(asked).toEqual(["0:0,1"]);
  });

  it("can be closed in the middle, and twice", async () => {
    const loader = await createLoader(options({ batch_size: 1 }));
    const batches = loader.epoch(0);
    expect((await batches.next()).done).toBe(false);
    await loader.close();
    await loader.close();
    expect((await failure(loader.epoch(0).next())).message).toBe("The loader is closed.");
  });

  it("neither ends the process while something waits for it, nor keeps it alive when left open", async () => {
    const program = `
      const { createLoader } = await import(process.argv[1]);
      const options = JSON.parse(process.argv[2]);
      const closed = await createLoader(options);
      await closed.epoch(0).next();
      await closed.close();
      let count = 0;
      const open = await createLoader(options);
      for await (const batch of open.epoch(0)) count += batch.paths.length;
      console.log("loaded", count);
    `;
    const module = new URL("../../dist/data/loader.js", import.meta.url).href;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["--input-type=module", "--eval", program, module, JSON.stringify(options())],
      { timeout: 30_000 },
    );
    expect(stdout.trim()).toBe(`loaded ${COUNT}`);
  });
});

describe("ImageMemory", () => {
  const image = (bytes: number) =>
    ({
      ...{ width: 9, height: 9 },
      scaled: { width: bytes, height: 1, channels: 1, depth: 8, data: new Uint8Array(bytes).fill(7) },
    }) as const;

  it("keeps what fits into the budget of all threads, in their common memory", () => {
    const budget = imageBudget(0.001);
    const [one, other] = [new ImageMemory(budget), new ImageMemory(budget)];
    one.keep("a", image(600));
    other.keep("b", image(600));
    expect(other.get("b"), "600 of 1048 bytes are taken").toBeUndefined();
    other.keep("c", image(400));
    expect(other.get("c")).toMatchObject({ width: 9, scaled: { width: 400 } });

    const fresh = one.takeFresh();
    expect(fresh.map(({ key }) => key)).toEqual(["a"]);
    expect(one.takeFresh()).toEqual([]);
    other.add(fresh);
    expect(other.get("a")!.scaled.data.buffer).toBe(one.get("a")!.scaled.data.buffer);
    expect(other.takeFresh().map(({ key }) => key)).toEqual(["c"]);
  });

  it("takes a quarter of what is free, or what is asked for, or nothing", () => {
    expect(imageBudget(-1, 4000).limit).toBe(1000);
    expect(imageBudget(3, 4000).limit).toBe(3 * 2 ** 20);
    expect(imageBudget(0, 4000).limit).toBe(0);
  });
});
