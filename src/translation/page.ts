import { card, escapeHtml, htmlPage } from "../formats/html.js";
import { counted } from "../formats/words.js";
import type { TranslationRecord } from "./folder.js";

/**
 * The page of a translation's results: a card for every image, static, without scripts, its images beside it. Works
 * from the disk, in light and dark.
 */
export function resultsPage({ model, results, failures, skipped, error }: TranslationRecord): string {
  const count = counted(results.length, "image");
  const facts = [
    count,
    failures.length === 0 ? undefined : `${failures.length} not translated`,
    skipped === 0 ? undefined : `${skipped} not begun`,
    model.generator,
    `${model.netG}, ngf ${model.ngf}, norm ${model.norm}`,
    model.evaluate ? "running statistics" : model.norm === "batch" ? "batch statistics" : undefined,
    model.dropout ? "dropout on" : undefined,
    model.colorization ? "colorization" : undefined,
    model.preprocess === "none" ? undefined : `preprocess ${model.preprocess}`,
  ];
  const failed = failures.map(
    ({ input, error: line }) => `<li><b>${escapeHtml(input)}</b> ${escapeHtml(line)}</li>`,
  );
  if (error !== undefined) failed.push(`<li><b>The work ended early</b> ${escapeHtml(error)}</li>`);
  const problems =
    failed.length === 0 ? "" : `<section><h2>Not translated</h2><ul>${failed.join("")}</ul></section>\n`;
  return htmlPage(
    `${model.name}: ${count}`,
    `<header>
<h1>Translated by ${escapeHtml(model.name)}</h1>
<p>${facts
      .filter((fact) => fact !== undefined)
      .map(escapeHtml)
      .join(" · ")}</p>
</header>
<main>
${problems}<section><div class="cards">
${results.map(row).join("\n")}
</div></section>
</main>
`,
  );
}

/** What the reference's names of images mean. */
const ROLES: Readonly<Record<string, string>> = { fake: "output", rec: "translated back" };

function row({ input, width, height, images }: TranslationRecord["results"][number]): string {
  const name = input.split(/[/\\]/).at(-1)!;
  const figures = Object.entries(images).map(([label, file], i) => {
    const role = ROLES[label.split("_")[0]!] ?? (i === 0 ? "input" : "truth");
    return {
      ...{ src: encodeURIComponent(file), caption: `${role} (${label})`, alt: `${role} of ${name}` },
      ...{ width, height, linked: true },
    };
  });
  return card("h2", name, `${width}×${height}`, figures, input);
}
