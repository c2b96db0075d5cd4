import type { FloatTensor } from "../formats/tensor.js";
import type { FeatureExtractor } from "./features.js";
import { frechetDistance } from "./frechet.js";
import { type KidResult, kid } from "./kid.js";

/** How far a set of images is from a set of real ones, in a feature space. */
export interface DistributionScores {
  readonly kid: KidResult;
  /** Fréchet distance; known as FID with the features of the original Inception. Null for fewer than two images. */
  readonly frechet: number | null;
  /** Images compared, and real ones. */
  readonly images: number;
  readonly real: number;
}

/** Extracts and keeps the features of several methods' images, and of the real ones. */
export class FeatureCollector {
  private readonly sets = new Map<string, Float32Array[]>();
  private readonly real: Float32Array[] = [];

  constructor(
    readonly extractor: FeatureExtractor,
    private readonly seed: number,
  ) {}

  /** Adds a real image [C, H, W] in [−1, 1]. */
  async addReal(image: FloatTensor): Promise<void> {
    this.real.push(await this.extractor.extract(image));
  }

  /** Adds an image [C, H, W] in [−1, 1] of a method. */
  async add(method: string, image: FloatTensor): Promise<void> {
    const set = this.sets.get(method) ?? [];
    set.push(await this.extractor.extract(image));
    this.sets.set(method, set);
  }

  /** Every method's scores against the real images. */
  scores(): Record<string, DistributionScores> {
    return Object.fromEntries(
      [...this.sets].map(([method, set]) => [
        method,
        {
          kid: kid(set, this.real, this.seed),
          frechet: set.length < 2 || this.real.length < 2 ? null : frechetDistance(set, this.real),
          images: set.length,
          real: this.real.length,
        },
      ]),
    );
  }
}
