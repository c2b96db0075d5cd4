import { encodeImage } from "../data/image.js";
import { tensorToImage } from "../data/pixels.js";
import { escapeHtml, htmlPage } from "../formats/html.js";
import type { FloatTensor } from "../formats/tensor.js";
import type { DistributionScores } from "./distribution.js";
import type { Evaluation, ShownImage } from "./evaluate.js";
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
  const { method, images, sizes, protocol } = report;
  const sizeList = Object.entries(sizes).map(([size, count]) =>
    count === images ? size : `${count} of ${size}`,
  );
  const lines = [`${method}: ${images} images, ${sizeList.slice(0, 5).join(", ")}`, ""];
  if (Object.keys(report.scores).length > 0) {
    lines.push(...formatScores(new Map(Object.entries(report.scores))).split("\n"), "");
  }
  for (const table of [distributionTable(report), segmentationTable(report)]) {
    if (table.length > 0) lines.push(...alignColumns(table), "");
  }
  return [...lines, ...Object.entries(protocol).map(([name, text]) => `${name}: ${text}`)];
}

type Table = readonly (readonly string[])[];

function distributionTable({ distributions }: EvaluationReport): Table {
  const rows = Object.entries(distributions).map(([name, scores]) => [name, ...distributionCells(scores)]);
  return rows.length === 0 ? [] : [["", "KID ×10³", "Fréchet", "images", "real"], ...rows];
}

function distributionCells({ kid, frechet, images, real }: DistributionScores): string[] {
  const spread = kid.deviation === null ? "" : ` ± ${(kid.deviation * 1000).toFixed(2)}`;
  const mean = (kid.mean * 1000).toFixed(2);
  return [mean + spread, frechet === null ? "–" : frechet.toFixed(2), String(images), String(real)];
}

function segmentationTable({ segmentation }: EvaluationReport): Table {
  const rows = Object.entries(segmentation).map(([name, scores]) => [
    name,
    ...[scores.pixelAccuracy, scores.classAccuracy, scores.classIoU].map((value) => value.toFixed(4)),
  ]);
  return rows.length === 0 ? [] : [["", "pixel acc", "class acc", "class IoU"], ...rows];
}

function alignColumns(table: Table): string[] {
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  return table.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]! + 2)))
      .join("")
      .trimEnd(),
  );
}

/** The report as one HTML file that holds its images: the tables, the protocol, the worst and the best. */
export async function reportPage(
  report: EvaluationReport,
  { worst, best }: Pick<Evaluation, "worst" | "best">,
): Promise<string> {
  const scores = Object.entries(report.scores).map(([name, s]) => [
    ...[name, s.l1.toFixed(4), s.psnr.toFixed(2), s.ssim.toFixed(4)],
  ]);
  const tables = [
    scores.length === 0 ? [] : [["", "L1", "PSNR dB", "SSIM"], ...scores],
    distributionTable(report),
    segmentationTable(report),
  ];
  const facts = Object.entries(report.protocol).map(
    ([name, text]) => `<li><b>${escapeHtml(name)}</b> ${escapeHtml(text)}</li>`,
  );
  const shown =
    best.length === 0
      ? await gallery("The first images", worst)
      : (await gallery("Worst by PSNR", worst)) + (await gallery("Best by PSNR", best));
  const title = `${report.method}: evaluation`;
  return htmlPage(
    title,
    `<header>
<h1>${escapeHtml(report.method)}</h1>
<p>${report.images} images</p>
</header>
${tables.map(htmlTable).join("")}<section><h2>Protocol</h2><ul>${facts.join("")}</ul></section>
${shown}`,
  );
}

function htmlTable(table: Table): string {
  if (table.length === 0) return "";
  const [head, ...rows] = table;
  const cells = (row: readonly string[], tag: string) =>
    `<tr>${row.map((cell) => `<${tag}>${escapeHtml(cell)}</${tag}>`).join("")}</tr>`;
  return `<section><table>${cells(head!, "th")}${rows.map((row) => cells(row, "td")).join("")}</table></section>\n`;
}

async function gallery(title: string, images: readonly ShownImage[]): Promise<string> {
  const articles = await Promise.all(images.map(article));
  return `<section><h2>${title}</h2></section>\n<main>\n${articles.join("\n")}\n</main>\n`;
}

async function article({ name, input, output, truth, scores }: ShownImage): Promise<string> {
  const columns = Object.entries({ input, output, ...(truth && { truth }) });
  const figures = await Promise.all(columns.map(([label, image]) => figure(label, image, name)));
  const caption =
    scores === undefined
      ? ""
      : ` <small>L1 ${scores.l1.toFixed(4)} · PSNR ${scores.psnr.toFixed(2)} · SSIM ${scores.ssim.toFixed(4)}</small>`;
  return `<article><h2><span>${escapeHtml(name)}</span>${caption}</h2>
<div>${figures.join("")}</div></article>`;
}

async function figure(label: string, image: FloatTensor, name: string): Promise<string> {
  const [channels = 0, height, width] = image.shape;
  const visible =
    channels <= 4
      ? image
      : { shape: [3, height!, width!], data: image.data.subarray(0, 3 * height! * width!) };
  const png = Buffer.from(await encodeImage(tensorToImage(visible), "png")).toString("base64");
  const alt = escapeHtml(`${label} of ${name}`);
  return `<figure><img src="data:image/png;base64,${png}" alt="${alt}" width="${width}" height="${height}"><figcaption>${label}</figcaption></figure>`;
}
