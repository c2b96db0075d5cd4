import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { InferenceSession } from "onnxruntime-node";
import { beforeAll, describe, expect, it } from "vitest";
import { decodeImage } from "../../src/data/image.js";
import { imageToLab } from "../../src/data/lab.js";
import type { Image } from "../../src/data/pixels.js";
import { encodeSafetensors } from "../../src/formats/safetensors.js";
import { readTensorFile } from "../../src/formats/tensor-file.js";
import { readOnnxMetadata } from "../../src/onnx/metadata.js";
import { loadCheckpoint } from "../../src/training/checkpoint.js";
import { noiseImage, temporaryFolder, writeImage } from "../data/files.js";
import { runCli } from "./run-cli.js";
import { toyOptions } from "./toy-data.js";

const cwd = temporaryFolder("cli-colorization");

async function good(...args: string[]) {
  const { status, stdout, stderr } = await runCli(args, { cwd });
  expect(status, stderr).toBe(0);
  return { stdout, stderr };
}

const train = (name: string, ...more: string[]) =>
  good(
    ...["train", ...toyOptions("pix2pix", "photos"), "--dataset_mode", "colorization", "--no_dropout"],
    ...["--display_freq", "6", "--max_steps", "6", ...more, "--name", name],
  );

beforeAll(async () => {
  for (let i = 0; i < 4; i++) {
    await writeImage(join(cwd, `photos/train/${i}.png`), noiseImage(20, 20, 3, 8, `train ${i}`));
  }
  await writeImage(join(cwd, "photos/val/v.png"), noiseImage(20, 20, 3, 8, "val"));
  await writeImage(join(cwd, "photos/test/t.png"), noiseImage(21, 18, 3, 8, "test"));
  await writeImage(join(cwd, "inputs/gray.png"), noiseImage(13, 30, 1, 8, "gray"));
  await writeImage(join(cwd, "inputs/colour.jpg"), noiseImage(18, 17, 3, 8, "colour"));
  await writeImage(join(cwd, "inputs/deep.tif"), noiseImage(9, 11, 1, 16, "deep"));
  await writeImage(join(cwd, "inputs/alpha.png"), noiseImage(12, 12, 4, 8, "alpha"));
  await train("a");
});

const read = (path: string): Promise<Image> => decodeImage(join(cwd, path));
const lightness = (image: Image) => imageToLab(image).data.slice(0, image.width * image.height);
const isGray = ({ data }: Image) => data.every((v, i) => v === data[i - (i % 3)]);

describe("a colorization model", () => {
  it("says what follows from the mode, and shows colours in its samples", async () => {
    const { stderr } = await train("b", "--max_steps", "2", "--display_freq", "2");
    expect(stderr).toContain("input_nc is 1: colorization goes from the lightness L to the colours a and b.");
    expect(stderr).toContain("output_nc is 2: ");
    const grid = await read("runs/b/samples/step-00000002.png");
    // Three columns of 16 pixels enlarged to 128, with gutters of 4: the middles of real_A, fake_B and real_B.
    expect(grid).toMatchObject({ width: 3 * 132 + 4, channels: 3 });
    const [real_A, fake_B, real_B] = [0, 1, 2].map((column) => {
      const pixels = Array.from({ length: 16 }, (_, y) =>
        Array.from({ length: 16 }, (_, x) => {
          const left = 4 + column * 132 + 8 * x + 4;
          const top = grid.height - 4 - 128 + 8 * y + 4;
          return [...grid.data.slice(3 * (top * grid.width + left), 3 * (top * grid.width + left) + 3)];
        }),
      );
      const data = Uint8Array.from(pixels.flat(2));
      return { width: 16, height: 16, channels: 3, depth: 8, data } as const;
    });
    expect([real_A, fake_B, real_B].map((image) => isGray(image!))).toEqual([true, false, false]);
    // All three have one lightness, but for the rounding of their levels.
    const expected = lightness(real_B!);
    for (const image of [real_A!, fake_B!]) {
      expect(Math.max(...lightness(image).map((L, i) => Math.abs(L - expected[i]!)))).toBeLessThan(0.52);
    }
  });

  it("colours any image without a flag: its size, its depth and its lightness stay", async () => {
    const { stdout } = await good("translate", "a", "inputs", "--out", "out");
    expect(stdout).toMatch(/^4 translated: /);
    for (const [name, file] of [
      ["gray", "gray.png"],
      ["colour", "colour.jpg"],
      ["deep", "deep.tif"],
      ["alpha", "alpha.png"],
    ]) {
      const input = await decodeImage(join(cwd, "inputs", file!), { channels: 3 });
      const [shown, made] = await Promise.all([
        read(`out/${name}_real_A.png`),
        read(`out/${name}_fake_B.png`),
      ]);
      const { width, height, depth } = input;
      const kind = { width, height, channels: 3, depth };
      expect(made).toMatchObject(kind);
      expect(shown).toMatchObject(kind);
      expect([isGray(shown), isGray(made)]).toEqual([true, false]);
      const expected = lightness(input);
      const tolerance = depth === 8 ? 0.26 : 0.005;
      for (const image of [shown, made]) {
        const worst = Math.max(...lightness(image).map((L, i) => Math.abs(L - expected[i]!)));
        expect(worst, `lightness of ${file}`).toBeLessThan(tolerance);
      }
    }
    expect(await read("out/gray_real_A.png")).toEqual(
      await decodeImage(join(cwd, "inputs/gray.png"), { channels: 3 }),
    );
    expect(JSON.parse(await readFile(join(cwd, "out/results.json"), "utf8")).model.colorization).toBe(true);
    const pairs = await runCli(["translate", "a", "inputs", "--dataset_mode", "aligned"], { cwd });
    expect([pairs.status, pairs.stderr]).toEqual([2, expect.stringContaining("E_OPTION_CONFLICT: ")]);
  });

  it("is measured in RGB", async () => {
    await good("translate", "a", "photos/test", "--out", "tested");
    const scores = async (...args: string[]) =>
      JSON.parse((await good("eval", ...args, "--dataroot", "photos", "--json")).stdout);
    const model = await scores("a");
    expect(Object.keys(model.scores)).toEqual(["identity", "regression", "a"]);
    expect(model.protocol.colours).toContain("RGB");
    const folder = await scores("tested", "--dataset_mode", "colorization");
    expect(folder.scores.tested).toEqual(model.scores.a);
    expect(folder.scores.identity).toEqual(model.scores.identity);
    const [truth, output, gray] = await Promise.all(
      ["photos/test/t.png", "tested/t_fake_B.png", "tested/t_real_A.png"].map(read),
    );
    const l1 = (image: Image) =>
      Array.from(image.data).reduce((sum, v, i) => sum + Math.abs(v - truth!.data[i]!), 0) /
      image.data.length /
      255;
    expect(model.scores.a.l1).toBeCloseTo(l1(output!), 6);
    expect(model.scores.identity.l1).toBeCloseTo(l1(gray!), 6);
  });

  it("is known by what export writes", async () => {
    await good("export", "a", "--out", "a.onnx");
    const bytes = await readFile(join(cwd, "a.onnx"));
    expect(readOnnxMetadata(bytes, "a.onnx")).toMatchObject({
      ...{ dataset_mode: "colorization", input_channels: "1", output_channels: "2" },
      colours: expect.stringContaining("input L / 50 - 1, output a / 110 and b / 110"),
    });
    expect((await InferenceSession.create(bytes)).outputNames).toEqual(["result"]);
    await good("export", "a", "--out", "a.safetensors");
    expect((await readTensorFile(join(cwd, "a.safetensors"))).metadata.dataset_mode).toBe("colorization");
    const gray = ["inputs/gray.png", "--out"];
    await good("translate", "a.safetensors", ...gray, "from-file");
    await good("translate", "a", ...gray, "from-run");
    expect(await read("from-file/gray_fake_B.png")).toEqual(await read("from-run/gray_fake_B.png"));
    await good("export", "a", "--network", "net_D", "--out", "d.safetensors");
    expect((await readTensorFile(join(cwd, "d.safetensors"))).metadata.dataset_mode).toBeUndefined();
  });

  it("of bare weights is told by the flag, and advised to where the channels fit", async () => {
    const { tensors } = await readTensorFile(join(cwd, "a.safetensors"));
    await writeFile(join(cwd, "bare.safetensors"), encodeSafetensors(tensors));
    const gray = ["inputs/gray.png", "--out"];
    const plain = await good("translate", "bare.safetensors", ...gray, "bare-plain");
    expect(plain.stderr).toContain("if it was trained for colorization, give --dataset_mode colorization");
    expect((await read("bare-plain/gray_fake_B.png")).channels).toBe(2);
    const coloured = ["--dataset_mode", "colorization"];
    await good("translate", "bare.safetensors", ...gray, "bare-coloured", ...coloured);
    expect(await read("bare-coloured/gray_fake_B.png")).toEqual(await read("from-run/gray_fake_B.png"));
    await good("import", "bare.safetensors", "--out", "known.safetensors", ...coloured);
    expect((await readTensorFile(join(cwd, "known.safetensors"))).metadata.dataset_mode).toBe("colorization");
  });

  it("continues exactly, and measures the plateau on images of its own", async () => {
    const plateau = ["--lr_policy", "plateau", "--flip", "--n_epochs", "3"];
    await train("whole", ...plateau);
    await train("parts", ...plateau, "--max_steps", "3");
    await good("train", "--continue_train", "--name", "parts", "--max_steps", "6");
    const states = await Promise.all(
      ["whole", "parts"].map((name) => loadCheckpoint(join(cwd, `runs/${name}/checkpoints/step-00000006`))),
    );
    expect(states[1]!.state).toEqual(states[0]!.state);
    expect(states[1]!.record.options.dataset_mode).toBe("colorization");
    const metrics = await readFile(join(cwd, "runs/whole/metrics.jsonl"), "utf8");
    expect(metrics).toMatch(/"validation":0\.\d/);
    expect(await readdir(join(cwd, "runs/whole/checkpoints"))).toContain("step-00000006");
  });
});
