import type { FloatTensor } from "../formats/tensor.js";
import type { Options } from "../options/schema.js";
import type { Scaling } from "../runtime/runner.js";
import { checkerboard, correlation, imagesOf, meanDistance } from "./image-signs.js";

type Losses = Readonly<Record<string, number>>;
type Images = Readonly<Record<string, FloatTensor>>;

/** Steps whose losses are averaged; a sign must show in several such windows in a row. */
const WINDOW = 200;
const WINDOWS = 3;
/** Sample grids in a row that must show a sign. */
const SAMPLES = 3;
/** Before this step, images may look like anything. */
const FIRST_STEP = 1000;

/** Signs, by their order of urgency, in plain words with what to try. */
const ADVICE = {
  diverging:
    "the reconstruction losses rise instead of falling. Try a lower --lr; continue from an earlier checkpoint with --epoch.",
  discriminator:
    "the discriminator tells real from generated without fail, so that the generator learns little from it. " +
    "Try --gan_mode lsgan, a smaller --ndf, or more training images.",
  collapsed:
    "the generator makes nearly the same image from different inputs. Try a lower --lr or another --seed, " +
    "and for pix2pix check with `pixcycle data check` that the pairs belong together.",
  inverted:
    "the colours come out inverted. Common early in CycleGAN: begin again with another --seed, " +
    "or raise --lambda_identity.",
  overflow:
    "numbers are too large for float16 whatever the loss scale: updates are skipped. Continue with --no_fp16.",
  checkerboards:
    "the images have a checkerboard pattern that the real ones have not. Try --upsample resize-conv, or train longer.",
} as const;

type Sign = keyof typeof ADVICE;

/**
 * Watches a training's losses and sample images for what commonly goes wrong, and says it in plain words, each sign
 * once. The limits are far from what healthy trainings show: silence is no promise, but a line is worth reading.
 */
export class Diagnosis {
  private readonly told = new Set<Sign>();
  private readonly inARow = new Map<Sign, number>();
  private readonly lowest = new Map<string, number>();
  private window: Losses[] = [];
  private lastSample: Images | undefined;

  constructor(private readonly options: Pick<Options, "model" | "gan_mode">) {}

  /** Takes a step's losses, and its loss scale if it has one. @returns lines to tell the person, mostly none */
  step(losses: Losses, scaling?: Scaling): string[] {
    const overflow = this.sign("overflow", scaling !== undefined && scaling.lossScale < 1, 1);
    this.window.push(losses);
    if (this.window.length < WINDOW) return overflow;
    const names = Object.keys(losses);
    const mean = (name: string) => this.window.reduce((sum, l) => sum + (l[name] ?? 0), 0) / WINDOW;
    const means = Object.fromEntries(names.map((name) => [name, mean(name)]));
    this.window = [];
    return [
      ...overflow,
      ...this.sign("diverging", this.rising(means), WINDOWS),
      ...this.sign("discriminator", discriminatorWon(means, this.options.gan_mode), WINDOWS),
    ];
  }

  /**
   * Takes the images of a step, NCHW in [−1, 1], by the reference's names.
   * @returns lines to tell the person, mostly none
   */
  sample(step: number, images: Images): string[] {
    const before = this.lastSample;
    this.lastSample = images;
    if (step < FIRST_STEP || images.fake_B === undefined) return [];
    return [
      ...this.sign("collapsed", before !== undefined && collapsed(before, images), SAMPLES),
      ...this.sign("inverted", this.inverted(images), SAMPLES),
      ...this.sign("checkerboards", hasCheckerboard(images), SAMPLES),
    ];
  }

  /** A reconstruction loss at three times its lowest mean. */
  private rising(means: Losses): boolean {
    let rises = false;
    for (const [name, mean] of Object.entries(means)) {
      if (name !== "G_L1" && !name.startsWith("cycle_")) continue;
      const lowest = Math.min(mean, this.lowest.get(name) ?? mean);
      this.lowest.set(name, lowest);
      rises ||= mean > 3 * lowest;
    }
    return rises;
  }

  private inverted({ real_A, real_B, fake_B }: Images): boolean {
    // Of unpaired images the input is the only thing to compare with.
    const reference = this.options.model === "pix2pix" ? real_B : real_A;
    if (reference === undefined || reference.shape.join() !== fake_B!.shape.join()) return false;
    return correlation(fake_B!, reference) < -0.6;
  }

  private sign(sign: Sign, shows: boolean, wanted: number): string[] {
    const count = shows ? (this.inARow.get(sign) ?? 0) + 1 : 0;
    this.inARow.set(sign, count);
    if (count < wanted || this.told.has(sign)) return [];
    this.told.add(sign);
    return [`It looks as if ${ADVICE[sign]}`];
  }
}

/** Losses of a discriminator that is right nearly always; its score has no such limit in wgangp. */
function discriminatorWon(means: Losses, gan_mode: Options["gan_mode"]): boolean {
  if (gan_mode === "wgangp") return false;
  const limit = gan_mode === "lsgan" ? 0.005 : 0.02;
  const losses = Object.entries(means).filter(([name]) => name.startsWith("D_"));
  return losses.length > 0 && losses.every(([, mean]) => mean < limit);
}

/** Outputs for different inputs that hardly differ, where inputs and truths do. */
function collapsed(before: Images, now: Images): boolean {
  const pairs = (["real_A", "real_B", "fake_B"] as const).map((name) => {
    const [a, b] = [before[name], now[name]];
    return a === undefined || b === undefined || a.shape.join() !== b.shape.join() ? 0 : meanDistance(a, b);
  });
  const [inputs = 0, truths = 0, outputs = 0] = pairs;
  return inputs > 0.1 && truths > 0.1 && outputs < 0.1 * truths;
}

function hasCheckerboard({ real_B, fake_B }: Images): boolean {
  if (real_B === undefined) return false;
  const strength = (images: FloatTensor) =>
    Math.max(...imagesOf(images).map(({ data, width }) => checkerboard(data, width)));
  const fake = strength(fake_B!);
  return fake > 0.03 && fake > 5 * strength(real_B);
}
