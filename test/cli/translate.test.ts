import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { decodeImage } from "../../src/data/image.js";
import { noiseImage, temporaryFolder, writeImage } from "../data/files.js";
import { randomGenerator, writeRun, writeWeights } from "../translation/models.js";
import { runCli, startCli } from "./run-cli.js";

const cwd = temporaryFolder("cli-translate");

beforeAll(async () => {
  await writeRun(join(cwd, "runs"), "horses", { model: "cycle_gan" }, [5, 10]);
  await writeRun(join(cwd, "runs"), "pairs");
  await writeWeights(join(cwd, "zebra.safetensors"), randomGenerator());
  await writeImage(join(cwd, "photos/1.png"), noiseImage(70, 33));
  await writeImage(join(cwd, "photos/2.jpg"), noiseImage(20, 20));
});

describe("pixcycle translate", () => {
  it("translates a folder with a run's model into results/NAME", async () => {
    const { status, stdout, stderr } = await runCli(["translate", "horses", "photos"], { cwd });
    expect([status, stdout]).toEqual([0, `2 translated: ${join("results", "horses", "index.html")}\n`]);
    expect(stderr).toContain("net_G_A.safetensors: unet_64, ngf 2, norm instance\n");
    const files = await readdir(join(cwd, "results/horses"));
    expect(files.sort()).toEqual([
      ...["1_fake_B.png", "1_real_A.png", "2_fake_B.png", "2_real_A.png", "index.html", "results.json"],
    ]);
    expect(await decodeImage(join(cwd, "results/horses/1_fake_B.png"))).toMatchObject({
      width: 70,
      height: 33,
    });
    const again = await runCli(["translate", "horses", "photos"], { cwd });
    expect(again.status).toBe(2);
    expect(again.stderr).toMatch(/\nE_OPTION_CONFLICT: .*index\.html exists\. .*--overwrite\.\n$/);
  });

  it("takes direction, reconstruction, format, depth and epoch, and answers in JSON", async () => {
    const options = ["--direction", "BtoA", "--reconstruct", "--format", "tiff", "--depth", "16"];
    const args = [
      "translate",
      "horses",
      "photos/1.png",
      ...options,
      "--epoch",
      "step-5",
      "--out",
      "back",
      "--json",
    ];
    const { status, stdout, stderr } = await runCli(args, { cwd });
    expect(status, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      out: "back",
      model: { name: "horses", generator: "net_G_B", evaluate: false, dropout: false, preprocess: "none" },
      results: [{ images: { real_B: "1_real_B.tif", fake_A: "1_fake_A.tif", rec_B: "1_rec_B.tif" } }],
      failures: [],
    });
    expect(JSON.parse(stdout).model.weights).toContain("step-00000005");
    expect(await decodeImage(join(cwd, "back/1_fake_A.tif"))).toMatchObject({ width: 70, depth: 16 });
  });

  it("does the other images and ends with status 1 when one cannot be read", async () => {
    await writeFile(join(cwd, "broken.png"), "no image");
    const args = ["translate", "zebra.safetensors", "broken.png", "photos/2.jpg", "--out", "some"];
    const { status, stdout, stderr } = await runCli(args, { cwd });
    expect([status, stdout]).toEqual([1, `1 translated, 1 failed: ${join("some", "index.html")}\n`]);
    expect(stderr).toContain("E_IMAGE_READ: broken.png is not an image, whatever its name ends in.");
    expect(await readFile(join(cwd, "some/index.html"), "utf8")).toContain("Not translated");
  });

  it("warns where batches would change the results", async () => {
    const args = ["translate", "pairs", "photos/2.jpg", "--batch", "4"];
    const mixed = await runCli([...args, "--out", "mixed"], { cwd });
    expect(mixed.stderr).toContain("norm batch, dropout on\nwarning: --batch is 1:");
    const evaluated = await runCli([...args, "--out", "evaluated", "--eval"], { cwd });
    expect(evaluated.stderr).toContain("norm batch, running statistics\n");
    expect(evaluated.stderr).not.toContain("warning");
  });

  it("finishes the image in work and ends with status 130 when it is interrupted", async () => {
    for (let i = 0; i < 40; i++) await writeImage(join(cwd, "many", `${i}.png`), noiseImage(64, 64));
    const { process: child, result } = startCli(["translate", "zebra.safetensors", "many", "--out", "cut"], {
      cwd,
    });
    await new Promise<void>((resolve) => {
      child.stderr!.on("data", (chunk) => String(chunk).includes("1/40") && resolve());
    });
    child.kill("SIGINT");
    const { status, stdout } = await result;
    expect(status).toBe(130);
    const [, done, left] = /^(\d+) translated, (\d+) not begun: /.exec(stdout)!.map(Number);
    expect(done! + left!).toBe(40);
    expect(left).toBeGreaterThan(0);
    const files = await readdir(join(cwd, "cut"));
    expect(files).toHaveLength(2 * done! + 2);
    expect(files).toContain("index.html");
  });

  it.each([
    [["translate", "horses"], 2, "issing required argument 'image'"],
    [
      ["translate", "cows", "photos"],
      1,
      "E_CHECKPOINT_MISSING: There is no cows, and no run of this name in runs.",
    ],
    [["translate", "horses", "nothing"], 1, "E_DATA_MISSING: nothing does not exist."],
    [
      ["translate", "horses", "photos", "--format", "bmp"],
      2,
      'E_OPTION: --format expects one of png, jpeg, webp, tiff, got "bmp".',
    ],
    [
      ["translate", "horses", "photos", "--batch", "0"],
      2,
      'E_OPTION: --batch expects a whole number of at least 1, got "0".',
    ],
    [
      ["translate", "horses", "photos", "--direction", "up"],
      2,
      'E_OPTION: --direction expects one of AtoB, BtoA, got "up".',
    ],
    [
      ["translate", "pairs", "photos", "--reconstruct"],
      2,
      "E_OPTION_CONFLICT: pairs has no generator that translates back.",
    ],
    [["inspect", "cows"], 1, "E_CHECKPOINT_MISSING: There is no cows"],
  ] as const)("%j ends with status %i and a coded line", async (args, expected, line) => {
    const { status, stdout, stderr } = await runCli(args, { cwd });
    expect([status, stdout]).toEqual([expected, ""]);
    expect(stderr.split("\n").at(-2)).toContain(line);
  });
});
