import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import sharp from "sharp";
import { RandomStream } from "../../src/random/philox.js";

const SIZE = 20;

/** Writes a smooth picture of noise that its path decides. */
export async function writePicture(path: string, width = SIZE, height = SIZE): Promise<void> {
  const stream = new RandomStream(1, path.split("/").slice(-2).join("/"));
  const data = Uint8Array.from({ length: width * height * 3 }, () => stream.int(256));
  await mkdir(dirname(path), { recursive: true });
  const picture = sharp(data, { raw: { width, height, channels: 3 } });
  await (width > 2 ? picture.blur(1) : picture).toFile(path);
}

/** Makes a data set of pairs side by side (`train`) and of two domains (`trainA`, `trainB`). */
export async function makeToyData(folder: string, count = 7): Promise<void> {
  for (let i = 0; i < count; i++) {
    await writePicture(join(folder, `train/${i}.png`), 2 * SIZE, SIZE);
    await writePicture(join(folder, `trainA/a${i}.png`));
    await writePicture(join(folder, `trainB/b${i}.png`));
  }
}

/** Options of a model so small that a step takes milliseconds. */
export function toyOptions(model: "pix2pix" | "cycle_gan", dataroot: string): string[] {
  return [
    ...["--model", model, "--dataroot", dataroot, "--name", "toy"],
    ...["--netG", "resnet_6blocks", "--ngf", "2", "--netD", "pixel", "--ndf", "2"],
    ...["--load_size", "18", "--crop_size", "16", "--pool_size", "3", "--num_threads", "1"],
    ...["--print_freq", "1", "--display_freq", "1000", "--save_latest_freq", "5", "--save_epoch_freq", "4"],
  ];
}
