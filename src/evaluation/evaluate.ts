import { PixcycleError } from "../errors.js";
import type { FloatTensor } from "../formats/tensor.js";
import type { Baseline } from "./baselines.js";
import type { DistributionScores, FeatureCollector } from "./distribution.js";
import { meanScores, type Scores, scoreImage } from "./scores.js";
import { type LabelPalette, LabelScorer, type SegmentationScores } from "./segmentation.js";

/** One translated image of a test set: [C, H, W] in [−1, 1]. */
export interface EvaluatedImage {
  readonly name: string;
  readonly input: FloatTensor;
  readonly output: FloatTensor;
  readonly truth: FloatTensor | undefined;
}

/** An image of the test set by its scores. */
export interface ImageScores extends Scores {
  readonly name: string;
}

/** An image that the report shows. */
export interface ShownImage extends EvaluatedImage {
  readonly scores: Scores | undefined;
}

/** The scores of a method and of the baselines beside it. */
export interface Evaluation {
  /** Inputs translated. */
  readonly images: number;
  /** How many outputs are of a size, `width×height`. */
  readonly sizes: Readonly<Record<string, number>>;
  /** Method to mean scores, baselines first; empty without truth. */
  readonly scores: Readonly<Record<string, Scores>>;
  /** Every image, the worst PSNR first; empty without truth. */
  readonly perImage: readonly ImageScores[];
  /** Of the worst and the best images by PSNR; without truth, the first ones are `worst`. */
  readonly worst: readonly ShownImage[];
  readonly best: readonly ShownImage[];
  /** Method to how far its images, as a set, are from real ones; empty without features. */
  readonly distributions: Readonly<Record<string, DistributionScores>>;
  /** Method to how well label maps agree; empty without a palette. */
  readonly segmentation: Readonly<Record<string, SegmentationScores>>;
}

/** What `evaluate` scores, and what it compares with. */
export interface EvaluateParts {
  /** What the outputs are called. */
  readonly method: string;
  readonly images: AsyncIterable<EvaluatedImage>;
  readonly baselines: readonly Baseline[];
  /** Gathers features; the real images of unpaired sets must have been added. */
  readonly features?: FeatureCollector;
  /** For label maps: scores them by class. */
  readonly palette?: LabelPalette;
  /** How many of the worst and of the best images are kept to be shown; default 8. */
  readonly shown?: number;
}

/**
 * Scores the outputs of a method on a test set, beside baselines, in one pass: memory does not grow with the images.
 * @throws PixcycleError E_DATA_EMPTY without images, E_SHAPE for an output and a truth of different sizes
 */
export async function evaluate(parts: EvaluateParts): Promise<Evaluation> {
  const pass = new EvaluationPass(parts);
  for await (const image of parts.images) await pass.add(image);
  return pass.finish();
}

class EvaluationPass {
  private readonly scores = new Map<string, Scores[]>();
  private readonly labels = new Map<string, LabelScorer>();
  private readonly perImage: ImageScores[] = [];
  private readonly sizes: Record<string, number> = {};
  private worst: ShownImage[] = [];
  private best: ShownImage[] = [];
  private images = 0;

  constructor(private readonly parts: EvaluateParts) {}

  async add(image: EvaluatedImage): Promise<void> {
    const { method, baselines, features } = this.parts;
    const { input, output, truth } = image;
    const [, height, width] = output.shape;
    const size = `${width}×${height}`;
    this.sizes[size] = (this.sizes[size] ?? 0) + 1;
    this.images++;
    const others = baselines.map((baseline) => ({
      name: baseline.name,
      translated: baseline.translate(input),
    }));
    if (truth !== undefined) {
      checkSizes(image, truth);
      for (const { name, translated } of others) this.score(name, translated, truth);
    }
    const scores = truth === undefined ? undefined : this.score(method, output, truth);
    if (scores !== undefined) this.perImage.push({ name: image.name, ...scores });
    this.keep({ ...image, scores });
    if (features === undefined) return;
    if (truth !== undefined) await features.addReal(truth);
    for (const { name, translated } of others) await features.add(name, translated);
    await features.add(method, output);
  }

  finish(): Evaluation {
    const { images, sizes, worst, best, parts } = this;
    if (images === 0) throw new PixcycleError("E_DATA_EMPTY", "There are no images to evaluate.");
    return {
      ...{ images, sizes, worst, best },
      scores: Object.fromEntries([...this.scores].map(([name, list]) => [name, meanScores(list)])),
      perImage: this.perImage.sort((a, b) => a.psnr - b.psnr),
      distributions: parts.features?.scores() ?? {},
      segmentation: Object.fromEntries([...this.labels].map(([name, scorer]) => [name, scorer.scores()])),
    };
  }

  private score(method: string, output: FloatTensor, truth: FloatTensor): Scores {
    const scores = scoreImage(output, truth);
    const list = this.scores.get(method) ?? [];
    list.push(scores);
    this.scores.set(method, list);
    const { palette } = this.parts;
    if (palette !== undefined) {
      const scorer = this.labels.get(method) ?? new LabelScorer(palette);
      scorer.add(output, truth);
      this.labels.set(method, scorer);
    }
    return scores;
  }

  private keep(image: ShownImage): void {
    const { shown = 8 } = this.parts;
    const by = (sign: number) => (a: ShownImage, b: ShownImage) =>
      sign * ((a.scores?.psnr ?? 0) - (b.scores?.psnr ?? 0));
    this.worst = [...this.worst, image].sort(by(1)).slice(0, shown);
    if (image.scores !== undefined) this.best = [...this.best, image].sort(by(-1)).slice(0, shown);
  }
}

function checkSizes({ name, output }: EvaluatedImage, truth: FloatTensor): void {
  if (output.shape.join() === truth.shape.join()) return;
  const describe = ({ shape }: FloatTensor) => `${shape[2]}×${shape[1]} with ${shape[0]} channels`;
  throw new PixcycleError(
    "E_SHAPE",
    `${name}: the output is ${describe(output)}, its truth ${describe(truth)}.`,
    {
      hint: "Only images of equal size can be compared; --preprocess sizes the test set.",
    },
  );
}
