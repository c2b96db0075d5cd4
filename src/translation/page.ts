import { escapeHtml, htmlPage } from "../formats/html.js";
import { counted } from "../formats/words.js";
import type { TranslationRecord } from "./folder.js";

/**
 * The page of a translation's results: one row an image, static, without scripts, its images beside it. Works from
 * the disk, in light and dark.
 */
export function resultsPage({ model, results, failures }: TranslationRecord): string {
  const facts = [
    model.generator,
    `${model.netG}, ngf ${model.ngf}, norm ${model.norm}`,
    model.evaluate ? "running statistics" : model.norm === "batch" ? "batch statistics" : undefined,
    model.dropout ? "dropout on" : undefined,
    model.preprocess === "none" ? undefined : `preprocess ${model.preprocess}`,
  ];
  const count = counted(results.length, "image");
  const title = `${model.name}: ${count}`;
  const failed = failures.map(
    ({ input, error }) => `<li><b>${escapeHtml(input)}</b> ${escapeHtml(error)}</li>`,
  );
  return htmlPage(
    title,
    `<header>
<h1>${escapeHtml(model.name)}</h1>
<p>${[count, ...facts.filter((fact) => fact !== undefined).map(escapeHtml)].join(" · ")}</p>
</header>
<main>
${results.map(row).join("\n")}
</main>
${failed.length === 0 ? "" : `<section><h2>Not translated</h2><ul>${failed.join("")}</ul></section>\n`}`,
  );
}

function row({ input, width, height, images }: TranslationRecord["results"][number]): string {
  const name = input.split(/[/\\]/).at(-1)!;
  const figures = Object.entries(images).map(([label, file]) => {
    const link = encodeURIComponent(file);
    const alt = escapeHtml(`${label} of ${name}`);
    const image = `<img src="${link}" alt="${alt}" width="${width}" height="${height}" loading="lazy">`;
    return `<figure><a href="${link}">${image}</a><figcaption>${escapeHtml(label)}</figcaption></figure>`;
  });
  return `<article><h2 title="${escapeHtml(input)}"><span>${escapeHtml(name)}</span> <small>${width}×${height}</small></h2>
<div>${figures.join("")}</div></article>`;
}
