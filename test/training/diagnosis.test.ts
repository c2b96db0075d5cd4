import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { loadBuiltin } from "../../src/data/builtin.js";
import { imageToTensor } from "../../src/data/pixels.js";
import type { FloatTensor } from "../../src/formats/tensor.js";
import { Diagnosis } from "../../src/training/diagnosis.js";
import { checkerboard, correlation } from "../../src/training/image-signs.js";

/** Losses of the first 1000 steps of two trainings that went well, on fluent-3d and seasons. */
const fixture = fileURLToPath(new URL("../fixtures/training/healthy-losses.json", import.meta.url));
const recorded: Record<"pix2pix" | "cycle_gan", Record<string, number[]>> = JSON.parse(
  readFileSync(fixture, "utf8"),
);

const pix2pix = { model: "pix2pix", gan_mode: "vanilla" } as const;
const cycleGan = { model: "cycle_gan", gan_mode: "lsgan" } as const;

function tell(
  diagnosis: Diagnosis,
  steps: number,
  losses: (step: number) => Record<string, number>,
): string[] {
  return Array.from({ length: steps }, (_, i) => diagnosis.step(losses(i))).flat();
}

/** Flat icons as inputs and rendered ones as truth, [1, 3, 64, 64]. */
let inputs: FloatTensor[];
let truths: FloatTensor[];

beforeAll(async () => {
  const icons = await loadBuiltin({ task: "flat-to-3d", layout: "aligned" });
  const batch = ({ image }: (typeof icons.testA)[number]): FloatTensor => {
    const { shape, data } = imageToTensor(image);
    return { shape: [1, ...shape], data };
  };
  inputs = icons.testA.map(batch);
  truths = icons.testB.map(batch);
});

const changed = ({ shape, data }: FloatTensor, change: (x: number, i: number) => number): FloatTensor => ({
  shape,
  data: data.map(change),
});

function show(diagnosis: Diagnosis, fake: (index: number) => FloatTensor, first = 1000): string[] {
  return inputs.flatMap((real_A, i) =>
    diagnosis.sample(first + 400 * i, { real_A, real_B: truths[i]!, fake_B: fake(i) }),
  );
}

describe("Diagnosis of losses", () => {
  it.each([
    ["pix2pix", pix2pix],
    ["cycle_gan", cycleGan],
  ] as const)("is silent on a healthy %s training", (name, options) => {
    const curves = Object.entries(recorded[name]);
    const losses = (i: number) => Object.fromEntries(curves.map(([loss, values]) => [loss, values[i]!]));
    expect(tell(new Diagnosis(options), 1000, losses)).toEqual([]);
  });

  it("says once that the discriminator won, after three windows", () => {
    const diagnosis = new Diagnosis(pix2pix);
    const losses = () => ({ G_GAN: 7, G_L1: 20, D_real: 0.004, D_fake: 0.003 });
    expect(tell(diagnosis, 599, losses)).toEqual([]);
    expect(tell(diagnosis, 1, losses)).toEqual([
      expect.stringContaining("discriminator tells real from generated"),
    ]);
    expect(tell(diagnosis, 2000, losses)).toEqual([]);
  });

  it("takes no critic's score for a won discriminator", () => {
    const losses = () => ({ G_GAN: 7, G_L1: 20, D_real: -9, D_fake: -8 });
    expect(tell(new Diagnosis({ ...pix2pix, gan_mode: "wgangp" }), 2000, losses)).toEqual([]);
  });

  it("says that losses diverge, but not for a few bad steps", () => {
    const rising = (i: number) => ({ cycle_A: i < 400 ? 1 : 4, cycle_B: 1, D_A: 0.2, D_B: 0.2 });
    expect(tell(new Diagnosis(cycleGan), 1000, rising)).toEqual([
      expect.stringContaining("rise instead of falling"),
    ]);
    const spike = (i: number) => ({ ...rising(0), cycle_A: i >= 400 && i < 600 ? 50 : 1 });
    expect(tell(new Diagnosis(cycleGan), 2000, spike)).toEqual([]);
  });
});

describe("Diagnosis of images", () => {
  it("is silent on truths, inputs, blurred and brightened images", () => {
    const good = [
      (i: number) => truths[i]!,
      (i: number) => inputs[i]!,
      (i: number) => changed(truths[i]!, (x, k) => (x + (truths[i]!.data[k + 1] ?? x)) / 2),
      (i: number) => changed(truths[i]!, (x) => 0.5 * x + 0.3),
    ];
    for (const fake of good) {
      expect(show(new Diagnosis(pix2pix), fake)).toEqual([]);
      expect(show(new Diagnosis(cycleGan), fake)).toEqual([]);
    }
  });

  it("sees inverted colours", () => {
    for (const options of [pix2pix, cycleGan]) {
      const lines = show(new Diagnosis(options), (i) => changed(truths[i]!, (x) => -x));
      expect(lines).toEqual([expect.stringContaining("colours come out inverted")]);
    }
  });

  it("sees one image for all inputs", () => {
    const lines = show(new Diagnosis(pix2pix), () => truths[0]!);
    expect(lines).toEqual([expect.stringContaining("nearly the same image")]);
  });

  it("sees checkerboards", () => {
    const board = (i: number) =>
      changed(truths[i]!, (x, k) => x + ((k + Math.floor(k / 64)) % 2 === 0 ? 0.12 : -0.12));
    expect(show(new Diagnosis(pix2pix), board)).toEqual([expect.stringContaining("checkerboard pattern")]);
  });

  it("says nothing of the first thousand steps", () => {
    const diagnosis = new Diagnosis(pix2pix);
    const [real_A, real_B] = [inputs[0]!, truths[0]!];
    const fake_B = changed(real_B, (x) => -x);
    for (let step = 100; step < 1000; step += 100) {
      expect(diagnosis.sample(step, { real_A, real_B, fake_B })).toEqual([]);
    }
  });
});

describe("signs of images", () => {
  it("measure the amplitude of alternating columns, rows and chessboards, and nothing else", () => {
    const plane = (value: (x: number, y: number) => number) =>
      Float32Array.from({ length: 16 * 16 }, (_, i) => value(i % 16, Math.floor(i / 16)));
    const sign = (n: number) => (n % 2 === 0 ? 1 : -1);
    for (const pattern of [plane((x) => sign(x)), plane((_, y) => sign(y)), plane((x, y) => sign(x + y))]) {
      expect(checkerboard(pattern, 16)).toBeCloseTo(1, 6);
    }
    expect(
      checkerboard(
        plane((x) => (x < 8 ? 1 : -1)),
        16,
      ),
    ).toBe(0);
    expect(
      checkerboard(
        plane((x) => x / 16),
        16,
      ),
    ).toBeLessThan(0.04);
    expect(checkerboard(new Float32Array(9), 3)).toBe(0);
  });

  it("correlate", () => {
    const of = (...values: number[]) => ({ shape: [values.length], data: Float32Array.from(values) });
    expect(correlation(of(1, 2, 3), of(2, 4, 6))).toBeCloseTo(1, 12);
    expect(correlation(of(1, 2, 3), of(3, 2, 1))).toBeCloseTo(-1, 12);
    expect(correlation(of(1, 1, 1), of(3, 2, 1))).toBe(0);
  });
});
