import { counted } from "../formats/words.js";
import type { DistributionScores } from "./distribution.js";
import type { Evaluation } from "./evaluate.js";
import { formatScores } from "./scores.js";

/** What was evaluated and how: everything that a reader needs to repeat it. */
export interface EvaluationReport
  extends Pick<Evaluation, "images" | "sizes" | "scores" | "perImage" | "distributions" | "segmentation"> {
  /** The model's or the outputs' name. */
  readonly method: string;
  /** Facts of the protocol, by name. */
  readonly protocol: Readonly<Record<string, string>>;
}

/** The report as lines of text. */
export function formatReport(report: EvaluationReport): string[] {
  const { method, protocol } = report;
  const lines = [`${method}: ${describeImages(report)}`, ""];
  if (Object.keys(report.scores).length > 0) {
    lines.push(...formatScores(new Map(Object.entries(report.scores))).split("\n"), "");
  }
  for (const table of [distributionTable(report), segmentationTable(report)]) {
    if (table.length > 0) lines.push(...alignColumns(table), "");
  }
  return [...lines, ...Object.entries(protocol).map(([name, text]) => `${name}: ${text}`)];
}

/** How many images of which sizes: `159 images, 64×64`. */
export function describeImages({ images, sizes }: EvaluationReport): string {
  const list = Object.entries(sizes).map(([size, count]) =>
    count === images ? size : `${count} of ${size}`,
  );
  const more = list.length > 5 ? [`${list.length - 5} other sizes`] : [];
  return [counted(images, "image"), ...list.slice(0, 5), ...more].join(", ");
}

/** Rows of cells, the headings first; none at all without such scores. */
export type Table = readonly (readonly string[])[];

/** How far sets of images are from the real ones. */
export function distributionTable({ distributions }: EvaluationReport): Table {
  const rows = Object.entries(distributions).map(([name, scores]) => [name, ...distributionCells(scores)]);
  return rows.length === 0 ? [] : [["", "KID ×10³", "Fréchet", "images", "real"], ...rows];
}

function distributionCells({ kid, frechet, images, real }: DistributionScores): string[] {
  const spread = kid.deviation === null ? "" : ` ± ${(kid.deviation * 1000).toFixed(2)}`;
  const mean = (kid.mean * 1000).toFixed(2);
  return [mean + spread, frechet === null ? "–" : frechet.toFixed(2), String(images), String(real)];
}

/** How well label maps agree. */
export function segmentationTable({ segmentation }: EvaluationReport): Table {
  const rows = Object.entries(segmentation).map(([name, scores]) => [
    name,
    ...[scores.pixelAccuracy, scores.classAccuracy, scores.classIoU].map((value) => value.toFixed(4)),
  ]);
  return rows.length === 0 ? [] : [["", "pixel acc", "class acc", "class IoU"], ...rows];
}

/** The rows as lines, the first column on the left, the others on the right. */
export function alignColumns(table: Table): string[] {
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  return table.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]! + 2)))
      .join("")
      .trimEnd(),
  );
}
