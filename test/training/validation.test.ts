import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { FloatTensor } from "../../src/formats/tensor.js";
import { resolveOptions } from "../../src/options/resolve.js";
import { openValidation } from "../../src/training/validation.js";
import { temporaryFolder, writeImage } from "../data/files.js";
import { FakeRunner } from "./fake-runner.js";

const folder = temporaryFolder("validation");

/** A pair side by side, each side of one level. */
const pair = (path: string, A: number, B: number): Promise<void> =>
  writeImage(join(folder, path), {
    ...{ width: 16, height: 8, channels: 3, depth: 8 },
    data: Uint8Array.from({ length: 16 * 8 * 3 }, (_, i) => (Math.floor(i / 3) % 16 < 8 ? A : B)),
  });

beforeAll(async () => {
  // Far from each other, so that an image of another part would show.
  await pair("both/train/0.png", 0, 0);
  await pair("both/test/0.png", 0, 0);
  await pair("both/val/0.png", 0, 255);
  await pair("both/val/1.png", 51, 102);
  await pair("train/train/0.png", 0, 0);
  for (let i = 0; i < 52; i++) await pair(`many/test/${100 + i}.png`, 0, i < 50 ? 51 : 255);
  for (const side of ["A", "B"]) await pair(`unpaired/test${side}/${side}.png`, 100, 100);
});

/** What the validation measures with generators that only add to an image. */
async function measure(model: string, dataroot: string, added: Record<string, number>): Promise<number> {
  const { options } = resolveOptions({
    flags: { model, dataroot: join(folder, dataroot), load_size: 9, crop_size: 8, netG: "resnet_6blocks" },
  });
  const runner = new FakeRunner(0);
  runner.infer = async (generator, { shape, data }: FloatTensor) => ({
    shape,
    data: data.map((value) => value + added[generator]!),
  });
  return (await openValidation(options, runner))();
}

describe("the validation's measure", () => {
  it("is the mean L1 of values in [0, 1] between output and truth, on val", async () => {
    expect(await measure("pix2pix", "both", { net_G: 0 })).toBeCloseTo((1 + 0.2) / 2, 6);
    expect(await measure("pix2pix", "both", { net_G: 0.2 })).toBeCloseTo((0.9 + 0.1) / 2, 6);
  });

  it("is that of the first fifty images of test where there is no val", async () => {
    expect(await measure("pix2pix", "many", { net_G: 0 })).toBeCloseTo(0.2, 6);
  });

  it("is that of the way there and back for CycleGAN, of both sides", async () => {
    expect(await measure("cycle_gan", "unpaired", { net_G_A: 0.3, net_G_B: 0.1 })).toBeCloseTo(0.2, 6);
    expect(await measure("cycle_gan", "unpaired", { net_G_A: 0.3, net_G_B: -0.3 })).toBeCloseTo(0, 6);
  });

  it("needs images that are not trained on", async () => {
    await expect(measure("pix2pix", "train", { net_G: 0 })).rejects.toMatchObject({ code: "E_DATA_MISSING" });
  });
});
