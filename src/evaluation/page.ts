import { encodeImage } from "../data/image.js";
import { tensorToImage } from "../data/pixels.js";
import { card, escapeHtml, type Figure, htmlPage } from "../formats/html.js";
import type { FloatTensor } from "../formats/tensor.js";
import type { Evaluation, ShownImage } from "./evaluate.js";
import {
  describeImages,
  distributionTable,
  type EvaluationReport,
  segmentationTable,
  type Table,
} from "./report.js";

/** The report as one HTML file that holds its images: the tables, the worst and the best, the protocol. */
export async function reportPage(
  report: EvaluationReport,
  { worst, best }: Pick<Evaluation, "worst" | "best">,
): Promise<string> {
  const { method, images, protocol } = report;
  const tables = [
    htmlTable("Against the truth", scoreTable(report), method, "↓ lower is better, ↑ higher is better"),
    htmlTable("As a set of images", distributionTable(report), method, "Lower is better."),
    htmlTable("As label maps", segmentationTable(report), method, "Higher is better."),
  ];
  const facts = Object.entries(protocol).map(
    ([name, text]) => `<dt>${escapeHtml(name)}</dt><dd>${escapeHtml(text)}</dd>`,
  );
  return htmlPage(
    `${method}: evaluation`,
    `<header>
<h1>Evaluation of ${escapeHtml(method)}</h1>
<p>${escapeHtml([describeImages(report), protocol.data].filter((part) => part !== undefined).join(" · "))}</p>
</header>
<main>
${tables.join("")}${await galleries(images, worst, best)}<section><h2>Protocol</h2><dl>${facts.join("")}</dl></section>
</main>
`,
  );
}

function scoreTable({ scores }: EvaluationReport): Table {
  const rows = Object.entries(scores).map(([name, s]) => [
    ...[name, s.l1.toFixed(4), s.psnr.toFixed(2), s.ssim.toFixed(4)],
  ]);
  return rows.length === 0 ? [] : [["", "L1 ↓", "PSNR dB ↑", "SSIM ↑"], ...rows];
}

function htmlTable(title: string, table: Table, own: string, caption: string): string {
  if (table.length === 0) return "";
  const [head = [], ...rows] = table;
  const headings = head.map((cell) => (cell === "" ? "<td></td>" : `<th scope="col">${cell}</th>`));
  const lines = rows.map(([name = "", ...cells]) => {
    const values = cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join("");
    const mark = name === own ? ' class="own"' : "";
    return `<tr${mark}><th scope="row">${escapeHtml(name)}</th>${values}</tr>`;
  });
  return `<section><h2>${title}</h2><table><caption>${caption}</caption><thead><tr>${headings.join("")}</tr></thead>
<tbody>${lines.join("")}</tbody></table></section>
`;
}

/** The worst and the best; every image once where these are all, and the first ones where nothing ranks them. */
async function galleries(
  images: number,
  worst: readonly ShownImage[],
  best: readonly ShownImage[],
): Promise<string> {
  if (best.length === 0) return gallery("The first images", images, worst);
  if (worst.length === images) return gallery("All images, the worst PSNR first", images, worst);
  const names = new Set(worst.map(({ name }) => name));
  const others = best.filter(({ name }) => !names.has(name));
  return (await gallery("Worst by PSNR", images, worst)) + (await gallery("Best by PSNR", images, others));
}

async function gallery(title: string, images: number, shown: readonly ShownImage[]): Promise<string> {
  const cards = await Promise.all(shown.map(imageCard));
  const count = shown.length === images ? `${images}` : `${shown.length} of ${images}`;
  return `<section><h2>${title} <small>${count}</small></h2><div class="cards">
${cards.join("\n")}
</div></section>
`;
}

async function imageCard({ name, input, output, truth, scores }: ShownImage): Promise<string> {
  const columns = Object.entries({ input, output, ...(truth && { truth }) });
  const figures = await Promise.all(columns.map(([label, image]) => figure(label, image, name)));
  const detail =
    scores === undefined
      ? ""
      : `PSNR ${scores.psnr.toFixed(2)} · SSIM ${scores.ssim.toFixed(3)} · L1 ${scores.l1.toFixed(3)}`;
  return card("h3", name, detail, figures);
}

/** An image in the page itself; of more than four channels, the first three. */
async function figure(label: string, image: FloatTensor, name: string): Promise<Figure> {
  const [channels, height, width] = image.shape as [number, number, number];
  const visible =
    channels <= 4 ? image : { shape: [3, height, width], data: image.data.subarray(0, 3 * height * width) };
  const png = Buffer.from(await encodeImage(tensorToImage(visible), "png")).toString("base64");
  return {
    ...{ src: `data:image/png;base64,${png}`, caption: label, alt: `${label} of ${name}` },
    ...{ width, height },
  };
}
