import type { FloatTensor } from "../formats/tensor.js";
import { l1, psnr, ssim } from "./metrics.js";

/** The paired measures of one image, or their means over many; see metrics.ts for ranges. */
export interface Scores {
  readonly l1: number;
  /** dB */
  readonly psnr: number;
  readonly ssim: number;
}

/** What one equal image counts in a mean of PSNRs, whose true value is infinite. */
export const MAX_PSNR = 100;

/** Scores one output [C, H, W] in [−1, 1] against its truth. @throws PixcycleError as the metrics do */
export function scoreImage(output: FloatTensor, truth: FloatTensor): Scores {
  return { l1: l1(output, truth), psnr: Math.min(psnr(output, truth), MAX_PSNR), ssim: ssim(output, truth) };
}

/** The mean of each measure over images (PSNR: of the images' PSNRs, each at most `MAX_PSNR`); NaN for none. */
export function meanScores(scores: readonly Scores[]): Scores {
  const mean = (pick: (s: Scores) => number) => scores.reduce((sum, s) => sum + pick(s), 0) / scores.length;
  return { l1: mean((s) => s.l1), psnr: mean((s) => s.psnr), ssim: mean((s) => s.ssim) };
}

/** Lines of a plain-text table, one row per method: `name   L1   PSNR   SSIM`. */
export function formatScores(rows: ReadonlyMap<string, Scores>): string {
  const widest = Math.max(...[...rows.keys()].map((name) => name.length));
  const line = (name: string, ...cells: string[]) =>
    [name.padEnd(widest), ...cells.map((cell) => cell.padStart(8))].join(" ").trimEnd();
  return [
    line("", "L1", "PSNR dB", "SSIM"),
    ...[...rows].map(([name, s]) => line(name, s.l1.toFixed(4), s.psnr.toFixed(2), s.ssim.toFixed(4))),
  ].join("\n");
}
