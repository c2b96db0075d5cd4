import { copyFile, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { beforeAll, describe, expect, it } from "vitest";
import { decodeImage } from "../../src/data/image.js";
import { encodeSafetensors } from "../../src/formats/safetensors.js";
import { readTensorFile } from "../../src/formats/tensor-file.js";
import { noiseImage, temporaryFolder, writeImage } from "../data/files.js";
import { writeRun } from "../translation/models.js";
import { runCli } from "./run-cli.js";
import { makeToyData } from "./toy-data.js";

const networks = fileURLToPath(new URL("../fixtures/networks/", import.meta.url));
const cwd = temporaryFolder("cli-export");

const cli = async (...args: string[]) => runCli(args, { cwd });

async function good(...args: string[]) {
  const { status, stdout, stderr } = await cli(...args);
  expect(status, stderr).toBe(0);
  return { stdout, stderr };
}

async function refused(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await cli(...args);
  expect([status, stdout]).toEqual([2, ""]);
  return stderr.trim().split("\n").at(-1)!;
}

async function exists(path: string): Promise<boolean> {
  return stat(join(cwd, path)).then(
    () => true,
    () => false,
  );
}

beforeAll(async () => {
  await writeRun(join(cwd, "runs"), "pairs");
  await writeRun(join(cwd, "runs"), "horses", { model: "cycle_gan", direction: "BtoA" });
  // The reference's folder of a pix2pix training.
  await mkdir(join(cwd, "reference"));
  await copyFile(`${networks}unet64_batch.pth`, join(cwd, "reference/latest_net_G.pth"));
  await copyFile(`${networks}basic_batch.pth`, join(cwd, "reference/latest_net_D.pth"));
});

describe("pixcycle export", () => {
  it("writes a run's generator as ONNX, says how near it is and what is different", async () => {
    const { stdout, stderr } = await good("export", "pairs", "--out", "pairs.onnx");
    expect(stdout).toMatch(
      /^pairs\.onnx: net_G \(unet_64\), float32, \d\.\d MB; at most \d.*own result at three sizes\n$/,
    );
    expect(stderr).toContain("dropout is off in the file");
    expect(stderr).toContain("--eval uses running ones");
    const session = await InferenceSession.create(await readFile(join(cwd, "pairs.onnx")));
    const shape = [2, 3, 64, 192];
    const image = new Tensor("float32", new Float32Array(2 * 3 * 64 * 192).fill(0.5), shape);
    expect((await session.run({ image })).result!.dims).toEqual(shape);
  });

  it("picks direction and network, and answers in JSON", async () => {
    const read = async (...flags: string[]) => {
      const { stdout } = await good("export", "horses", ...flags, "--out", "h.onnx", "--json");
      return JSON.parse(stdout);
    };
    const forward = await read();
    expect(forward).toMatchObject({ out: "h.onnx", format: "onnx", network: "net_G_A", notices: [] });
    expect(forward.metadata).toMatchObject({
      direction: "BtoA",
      source: "horses/net_G_A",
      precision: "float32",
    });
    expect(forward.parity).toBeLessThan(1e-4);
    const back = await read("--direction", "AtoB", "--fp16");
    expect(back).toMatchObject({ network: "net_G_B", metadata: { direction: "AtoB", precision: "float16" } });
    expect(back.bytes).toBeLessThan(0.6 * forward.bytes);
    expect(back.parity).toBeLessThan(0.05);
    const discriminator = await read("--network", "net_D_B");
    expect(discriminator).toMatchObject({ network: "net_D_B", architecture: { kind: "discriminator" } });
    expect(discriminator.metadata.direction).toBeUndefined();
  });

  it("writes plain weights as safetensors, in float16 if asked", async () => {
    await good("export", "pairs", "--network", "net_D", "--out", "net_D.safetensors");
    const path = join(cwd, "runs/pairs/checkpoints/step-00000010/net_D.safetensors");
    const [written, original] = [
      await readTensorFile(join(cwd, "net_D.safetensors")),
      await readTensorFile(path),
    ];
    expect(written.tensors).toEqual(original.tensors);
    expect(written.metadata).toMatchObject({ kind: "discriminator", source: "pairs/net_D" });
    await good("export", "pairs", "--fp16", "--out", "half.safetensors");
    const half = await readTensorFile(join(cwd, "half.safetensors"));
    const types = new Set([...half.tensors.values()].map(({ dtype }) => dtype));
    expect(types).toEqual(new Set(["F16", "I64"]));
    const { stdout } = await good("export", "half.safetensors", "--out", "half.onnx", "--eval");
    expect(stdout).toContain("half.onnx: net_G (unet_64)");
  });

  it("refuses what does not fit, and writes nothing", async () => {
    expect(await refused("export", "pairs", "--out", "model.bin")).toBe(
      "E_OPTION: --out model.bin ends in neither .onnx nor .safetensors. Change its ending, or give --format.",
    );
    const safetensors = ["--format", "safetensors", "--out", "model.bin"];
    expect(await refused("export", "pairs", "--eval", ...safetensors)).toMatch(
      /^E_OPTION_CONFLICT: --eval is for ONNX/,
    );
    expect(
      await refused("export", `${networks}resnet6_instance.pth`, "--dropout", "--out", "model.onnx"),
    ).toMatch(/^E_OPTION_CONFLICT: .*resnet6_instance\.pth has no dropout\. Leave --dropout out\.$/);
    expect(await exists("model.bin")).toBe(false);
    expect(await exists("model.onnx")).toBe(false);
    const missing = await cli("export", "pairs", "--network", "net_E", "--out", "model.onnx");
    expect([missing.status, missing.stderr]).toEqual([
      1,
      expect.stringContaining("E_CHECKPOINT_MISSING: pairs has net_G"),
    ]);
  });

  it("says so when float16 does not hold the values", async () => {
    const { tensors } = await readTensorFile(`${networks}resnet6_instance.pth`);
    const first = tensors.get("model.1.weight")!;
    for (let i = 0; i < first.data.length; i++) first.data[i] = (i % 2 === 0 ? 1 : -1) * 1e5;
    await writeFile(join(cwd, "large.safetensors"), encodeSafetensors(tensors));
    const { status, stderr } = await cli("export", "large.safetensors", "--fp16", "--out", "large.onnx");
    expect(status, stderr).toBe(1);
    expect(stderr).toMatch(/^E_RUNTIME: The exported net_G does not give numbers\. .*without --fp16\.\n$/);
    expect(await exists("large.onnx")).toBe(false);
  });
});

describe("pixcycle import", () => {
  it("makes a run of a folder of the reference, which translates, exports and trains further", async () => {
    const { stdout, stderr } = await good("import", "reference", "--out", "runs/facades");
    expect(stderr).toContain(
      "latest_net_G.pth: net_G, unet_64, ngf 2, norm batch, upsample deconv, 3 → 3 channels",
    );
    expect(stderr).toContain("latest_net_D.pth: net_D, basic discriminator, ndf 2, norm batch, 6 channels");
    const checkpoint = join("runs", "facades", "checkpoints", "step-00000000");
    expect(stdout).toContain(`wrote ${checkpoint}; train it further with: pixcycle train --continue_train`);

    await writeImage(join(cwd, "photo.png"), noiseImage(64, 64));
    const quiet = ["--no_dropout", "--threads", "1"];
    await good("translate", "facades", "photo.png", "--out", "imported", ...quiet);
    await good("translate", "reference", "photo.png", "--out", "direct", ...quiet);
    const [imported, direct] = await Promise.all(
      ["imported", "direct"].map((folder) => decodeImage(join(cwd, folder, "photo_fake_B.png"))),
    );
    expect(imported).toEqual(direct);
    await good("export", "facades", "--out", "facades.onnx");

    await makeToyData(join(cwd, "data"), 3);
    const small = ["--load_size", "64", "--crop_size", "64", "--max_steps", "2", "--num_threads", "0"];
    await good(
      "train",
      "--continue_train",
      "--name",
      "facades",
      "--dataroot",
      "data",
      ...small,
      "--threads",
      "1",
    );
    const steps = (await readFile(join(cwd, "runs/facades/metrics.jsonl"), "utf8")).trim().split("\n");
    expect(steps).toHaveLength(2);
    expect(await refused("import", "reference", "--out", "runs/facades")).toMatch(
      /already holds a run\. Replace it with --overwrite, or choose another --out\.$/,
    );
    await good("import", "reference", "--out", "runs/facades", "--overwrite");
  });

  it("converts single files, without the leftovers of old PyTorch", async () => {
    const old = `${networks}resnet9_old_statistics.pth`;
    const { stderr, stdout } = await good("import", old, "--out", "old.safetensors", "--json");
    expect(stderr).toContain("46 unused tensors dropped");
    expect(JSON.parse(stdout)).toMatchObject({
      networks: [{ name: "net_G", architecture: { netG: "resnet_9blocks", norm: "instance" }, dropped: 46 }],
      files: ["old.safetensors"],
    });
    const { tensors } = await readTensorFile(join(cwd, "old.safetensors"));
    expect([...tensors.keys()].filter((name) => name.includes("running"))).toEqual([]);

    await good("import", `${networks}pixel_batch.pth`, "--out", "alone");
    expect(await readdir(join(cwd, "alone"))).toEqual(["net_D.safetensors"]);
    const { tensors: counted } = await readTensorFile(join(cwd, "alone/net_D.safetensors"));
    expect(counted.get("net.3.num_batches_tracked")).toMatchObject({ dtype: "I64", shape: [] });
  });

  it("adds the counters that PyTorch did not have before 0.4.1", async () => {
    await good("import", `${networks}unet128_batch.pth`, "--out", "counters.safetensors");
    const { tensors } = await readTensorFile(join(cwd, "counters.safetensors"));
    const counters = [...tensors].filter(([name]) => name.endsWith("num_batches_tracked"));
    expect(counters.length).toBeGreaterThan(5);
    for (const [, { dtype, data }] of counters) expect([dtype, data]).toEqual(["I64", BigInt64Array.of(0n)]);
  });

  it("refuses networks that do not belong together", async () => {
    expect(
      await refused("import", `${networks}unet64_none.pth`, `${networks}unet64_batch.pth`, "--out", "two"),
    ).toMatch(/^E_OPTION_CONFLICT: .*unet64_none\.pth and .*unet64_batch\.pth are both net_G\./);
    expect(await refused("import", "reference", "--out", "one.safetensors")).toMatch(
      /^E_OPTION_CONFLICT: 2 networks \(net_D, net_G\) do not go into one file\./,
    );
    expect(await refused("import", "runs/pairs", "--out", "again")).toMatch(
      /^E_OPTION_CONFLICT: runs\/pairs is a run/,
    );
    await mkdir(join(cwd, "mixed"));
    await copyFile(`${networks}unet64_batch.pth`, join(cwd, "mixed/latest_net_G.pth"));
    await copyFile(`${networks}basic_instance.pth`, join(cwd, "mixed/latest_net_D.pth"));
    const mixed = await cli("import", "mixed", "--out", "runs/mixed");
    expect([mixed.status, mixed.stderr]).toEqual([
      1,
      expect.stringContaining("\nE_CHECKPOINT_MISMATCH: net_D: "),
    ]);
    expect(await exists("runs/mixed")).toBe(false);
    expect(await exists("two")).toBe(false);
  });

  it("writes a web page with --web, and refuses flags of the other form", async () => {
    const { stdout, stderr } = await good("export", "pairs", "--web", "site", "--title", "Pairs & <more>");
    expect(stdout).toMatch(/^site: a page for net_G, its model of \d\.\d MB; any static host serves it\n$/);
    expect(stderr).toContain("npx serve site");
    const site = JSON.parse(await readFile(join(cwd, "site/site.json"), "utf8"));
    expect(site).toMatchObject({ name: "Pairs & <more>", size: 64, facts: { Direction: "AtoB" } });
    expect((await readFile(join(cwd, "site/model.onnx"))).length).toBe(site.bytes);
    expect(JSON.parse(await readFile(join(cwd, "site/site.webmanifest"), "utf8"))).toMatchObject({
      name: "Pairs & <more>",
    });
    const worker = await readFile(join(cwd, "site/sw.js"), "utf8");
    for (const [, file] of worker.matchAll(/^const SHELL = "(.*)"\.split/gm)) {
      for (const name of file!.split(" ")) expect(await exists(`site/${name}`)).toBe(true);
    }
    expect(await refused("export", "pairs")).toMatch(/^E_USAGE: .*--out FILE or to --web DIR/);
    expect(await refused("export", "pairs", "--out", "a.onnx", "--web", "b")).toMatch(/^E_USAGE: /);
    expect(await refused("export", "pairs", "--web", "b", "--dropout")).toMatch(/^E_OPTION_CONFLICT: /);
    expect(await refused("export", "pairs", "--out", "a.onnx", "--title", "x")).toMatch(
      /^E_OPTION_CONFLICT: /,
    );
  });
});
