import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { decodeImage } from "../../src/data/image.js";
import { imageToTensor } from "../../src/data/pixels.js";
import { meanScores, scoreImage } from "../../src/evaluation/scores.js";
import { encodeOnnxModel } from "../../src/onnx/model.js";
import { noiseImage, temporaryFolder, writeImage } from "../data/files.js";
import { writeRun } from "../translation/models.js";
import { runCli } from "./run-cli.js";

const cwd = temporaryFolder("cli-eval");
const NAMES = ["one", "two", "three"];

beforeAll(async () => {
  await writeRun(join(cwd, "runs"), "pairs", { no_dropout: true });
  await writeRun(join(cwd, "runs"), "horses", { model: "cycle_gan" });
  for (const phase of ["train", "test"]) {
    for (const name of NAMES) {
      for (const side of ["A", "B"]) {
        await writeImage(
          join(cwd, `data/${phase}${side}/${name}.png`),
          noiseImage(20, 16, 3, 8, phase + side + name),
        );
      }
    }
  }
  await writeExtractor("features.onnx");
});

/** Features: 48 numbers of the image at 4×4. */
async function writeExtractor(name: string): Promise<void> {
  const model = {
    name: "flat",
    nodes: [{ opType: "Flatten", name: "flat", inputs: ["x"], outputs: ["y"], attributes: {} }],
    initializers: [],
    inputs: [{ name: "x", shape: ["n", 3, 4, 4] }],
    outputs: [{ name: "y", shape: ["n", 48] }],
    metadata: { features_name: "small pixels" },
  };
  await writeFile(join(cwd, name), encodeOnnxModel(model));
}

async function evaluated(...args: string[]) {
  const { status, stdout, stderr } = await runCli(["eval", ...args, "--json"], { cwd });
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout);
}

describe("pixcycle eval", () => {
  it("scores a model as the images that translate writes, which it takes too", async () => {
    const translate = ["translate", "pairs", "data/testA", "--out", "outputs"];
    expect((await runCli(translate, { cwd })).status).toBe(0);
    const model = await evaluated("pairs", "--dataroot", "data");
    // Inputs of the model lie in the folder, too: they are not taken for outputs.
    const folder = await evaluated("outputs", "--dataroot", "data");
    expect(folder.scores.outputs).toEqual(model.scores.pairs);
    expect(folder.scores.identity).toEqual(model.scores.identity);
    const tensor = async (path: string) => imageToTensor(await decodeImage(join(cwd, path)));
    const byHand = await Promise.all(
      NAMES.map(async (name) =>
        scoreImage(await tensor(`outputs/${name}_fake_B.png`), await tensor(`data/testB/${name}.png`)),
      ),
    );
    expect(model.scores.pairs).toEqual(meanScores(byHand.sort((a, b) => a.psnr - b.psnr)));
    expect(Object.keys(model.scores)).toEqual(["identity", "regression", "pairs"]);
    expect(model).toMatchObject({ images: 3, sizes: { "20×16": 3 } });
    expect(model.perImage.map(({ psnr }: { psnr: number }) => psnr)).toEqual(byHand.map(({ psnr }) => psnr));
    expect(model.protocol.outputs).toMatch(
      /net_G\.safetensors, unet_64, .*norm batch, batch statistics, no dropout$/,
    );
    expect(model.protocol.baselines).toContain("fitted on 3 of 3 pairs of phase train");
  });

  it("prints tables and writes a page with its images", async () => {
    const args = ["eval", "pairs", "--dataroot", "data", "--features", "features.onnx", "--out", "report"];
    const { status, stdout, stderr } = await runCli(args, { cwd });
    expect(status, stderr).toBe(0);
    expect(stdout).toMatch(/^pairs: 3 images, 20×16\n\n +L1 +PSNR dB +SSIM\nidentity +0\.\d{4} /);
    expect(stdout).toMatch(/KID ×10³ +Fréchet +images +real\nidentity +.* 3 +3\nregression /);
    expect(stdout).toContain("features: small pixels, images resized to 4×4 (PIL bicubic, 8 bits)");
    const page = await readFile(join(cwd, "report/index.html"), "utf8");
    expect(page.match(/src="data:image\/png;base64,/g)).toHaveLength(3 * 3);
    expect(page).not.toMatch(/(?:src|href)="(?!data:)/);
    expect(page).toContain("All images, the worst PSNR first");
    const report = JSON.parse(await readFile(join(cwd, "report/report.json"), "utf8"));
    expect(report.distributions.pairs).toMatchObject({ images: 3, real: 3, kid: { subsets: 1 } });
    const again = await runCli(args, { cwd });
    expect(again.status).toBe(2);
    expect(again.stderr).toMatch(/E_OPTION_CONFLICT: .*exists\. .*--overwrite\.\n$/);
  });

  it("scores an unpaired model by features, and by truth of equal names on request", async () => {
    const bare = await runCli(["eval", "horses", "--dataroot", "data"], { cwd });
    expect([bare.status, bare.stdout]).toEqual([2, ""]);
    expect(bare.stderr).toMatch(/E_OPTION: data has no truth to compare with\. .*--aligned_truth/);
    const back = await evaluated(
      "horses",
      "--dataroot",
      "data",
      "--features",
      "features.onnx",
      "--direction",
      "BtoA",
    );
    expect(back.scores).toEqual({});
    expect(Object.keys(back.distributions)).toEqual(["identity", "horses"]);
    expect(back.protocol.data).toContain("BtoA, all 3 inputs, unpaired, 3 real images");
    expect(back.protocol.outputs).toContain("net_G_B.safetensors");
    const truth = await evaluated("horses", "--dataroot", "data", "--aligned_truth", "--direction", "BtoA");
    const forward = await evaluated("horses", "--dataroot", "data", "--aligned_truth");
    expect(truth.scores.identity.psnr).toBeCloseTo(forward.scores.identity.psnr, 10);
    expect(truth.scores.horses).not.toEqual(forward.scores.horses);
  });

  it("scores label maps, and leaves the regression out where there is nothing to fit", async () => {
    await writeFile(join(cwd, "palette.json"), '{"dark": [60, 60, 60], "light": [190, 190, 190]}');
    const more = ["--palette", "palette.json", "--fit", "val"];
    const { segmentation, scores, protocol } = await evaluated("pairs", "--dataroot", "data", ...more);
    expect(Object.keys(scores)).toEqual(["identity", "pairs"]);
    expect(protocol.baselines).toContain("no colour regression: data has no pairs of phase val");
    expect(segmentation.identity.classes[0].pixels + segmentation.identity.classes[1].pixels).toBe(3 * 320);
    expect(segmentation.identity.pixelAccuracy).toBeGreaterThan(0.3);
  });

  it("has no identity where the channels differ, and says so", async () => {
    await writeRun(join(cwd, "runs"), "colours", { no_dropout: true, input_nc: 1 });
    const { scores, protocol } = await evaluated("colours", "--dataroot", "data");
    expect(Object.keys(scores)).toEqual(["regression", "colours"]);
    expect(protocol.baselines).toMatch(
      /^no identity: 1 channels become 3; colour regression of degree 2, fitted/,
    );
  });

  it("scores pairs side by side", async () => {
    await writeImage(join(cwd, "side/test/pair.png"), noiseImage(40, 16));
    const { images, sizes } = await evaluated("pairs", "--dataroot", "side");
    expect({ images, sizes }).toEqual({ images: 1, sizes: { "20×16": 1 } });
  });

  it.each([
    [["pairs"], "E_OPTION: No data set is given."],
    [["pairs", "--dataroot", "nowhere"], "E_DATA_MISSING: nowhere: no such folder."],
    [["outputs", "--dataroot", "data", "--phase", "val"], "E_DATA_MISSING: data has none of these folders"],
    [
      ["pairs", "--dataroot", "data", "--features", "palette.json"],
      "E_FILE_FORMAT: palette.json is not an ONNX",
    ],
    [
      ["pairs", "--dataroot", "data", "--features", "features.onnx", "--features_range", "3"],
      "E_OPTION: --features_range",
    ],
    [["data/testA", "--dataroot", "side"], "E_DATA_PAIR: data/testA has no output for pair."],
  ])("refuses %j", async (args, line) => {
    const { status, stderr } = await runCli(["eval", ...args], { cwd });
    expect(stderr).toContain(line);
    expect(status).toBeGreaterThan(0);
  });
});
