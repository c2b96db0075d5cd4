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
  const count = results.length === 1 ? "1 image" : `${results.length} images`;
  const title = `${escapeHtml(model.name)}: ${count}`;
  const failed = failures.map(
    ({ input, error }) => `<li><b>${escapeHtml(input)}</b> ${escapeHtml(error)}</li>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>${escapeHtml(model.name)}</h1>
<p>${[count, ...facts.filter((fact) => fact !== undefined).map(escapeHtml)].join(" · ")}</p>
</header>
<main>
${results.map(row).join("\n")}
</main>
${failed.length === 0 ? "" : `<section><h2>Not translated</h2><ul>${failed.join("")}</ul></section>\n`}</body>
</html>
`;
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

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

const escapeHtml = (text: string): string => text.replaceAll(/[&<>"']/g, (character) => ESCAPES[character]!);

const STYLE = `
:root { color-scheme: light dark; --line: light-dark(#e3e3e0, #333); --quiet: light-dark(#6b6b66, #9a9a94); }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; padding: 2.5rem 1.5rem; max-width: 110rem;
  background: light-dark(#fafaf8, #161615); color: light-dark(#1c1c1a, #ececea); }
h1 { font-size: 1.6rem; margin: 0; overflow-wrap: anywhere; }
header p, small, figcaption { color: var(--quiet); }
header p { margin: .25rem 0 2rem; }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(34rem, 100%), 1fr)); gap: 1.5rem; align-items: start; }
article { border: 1px solid var(--line); border-radius: 12px; padding: 1rem; background: light-dark(#fff, #1f1f1d); }
h2 { font-size: .95rem; margin: 0 0 .75rem; display: flex; gap: .5em; align-items: baseline; }
h2 span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
small { font-weight: normal; white-space: nowrap; }
article div { display: flex; gap: .75rem; }
figure { margin: 0; flex: 1 1 0; min-width: 0; }
img { display: block; width: 100%; height: auto; border-radius: 6px; }
figcaption { margin-top: .35rem; font-size: .8rem; font-family: ui-monospace, monospace; }
section { margin-top: 2rem; }
li { overflow-wrap: anywhere; }
`;
