/** What pixcycle's result pages share: static HTML, without scripts, in light and dark. */

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text for HTML's content and attributes. */
export const escapeHtml = (text: string): string =>
  text.replaceAll(/[&<>"']/g, (character) => ESCAPES[character]!);

/** A captioned image of a page. */
export interface Figure {
  /** Its address, relative to the page or a data URL; not escaped yet. */
  readonly src: string;
  readonly caption: string;
  readonly alt: string;
  readonly width: number;
  readonly height: number;
  /** Opens the image itself when clicked. */
  readonly linked?: boolean;
}

/** Images up to this wide are shown larger than they are: then with their pixels sharp. */
const SMALL = 160;

/**
 * Images side by side under a title.
 * @param heading the title's level in the page's outline
 * @param hover what pointing at the title shows
 */
export function card(
  heading: "h2" | "h3",
  title: string,
  detail: string,
  figures: readonly Figure[],
  hover = title,
): string {
  const small = detail === "" ? "" : ` <small>${escapeHtml(detail)}</small>`;
  return `<article><${heading} title="${escapeHtml(hover)}"><span>${escapeHtml(title)}</span>${small}</${heading}>
<div>${figures.map(figure).join("")}</div></article>`;
}

function figure({ src, caption, alt, width, height, linked = false }: Figure): string {
  const address = escapeHtml(src);
  const sharp = width <= SMALL ? ' class="small"' : "";
  const size = `width="${width}" height="${height}"`;
  const image = `<img src="${address}" alt="${escapeHtml(alt)}" ${size}${sharp} loading="lazy">`;
  const shown = linked ? `<a href="${address}">${image}</a>` : image;
  return `<figure>${shown}<figcaption>${escapeHtml(caption)}</figcaption></figure>`;
}

/**
 * A whole page.
 * @param title plain text
 * @param body HTML: a `header`, and a `main` of `section`s with tables, facts (`dl`) and `card`s in a `div.cards`
 */
export function htmlPage(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
${body}</body>
</html>
`;
}

const STYLE = `
:root { color-scheme: light dark; --line: light-dark(#dcdcd8, #3a3a38); --quiet: light-dark(#62625d, #a3a39d); }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; padding: 2.5rem 1.5rem; max-width: 110rem;
  background: light-dark(#fafaf8, #161615); color: light-dark(#1c1c1a, #ececea); }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 0 0 .75rem; }
header p, small, figcaption, caption, dt, h2 small { color: var(--quiet); }
header p { margin: .35rem 0 0; overflow-wrap: anywhere; }
section { margin: 2.25rem 0 0; overflow-x: auto; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(30rem, 100%), 1fr)); gap: 1.25rem; align-items: start; }
article { border: 1px solid var(--line); border-radius: 12px; padding: 1rem; background: light-dark(#fff, #1f1f1d); min-width: 0; }
article h2, article h3 { font-size: .95rem; margin: 0 0 .75rem; display: flex; flex-wrap: wrap; gap: 0 .6em; align-items: baseline; }
article h2 span, article h3 span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
small { font-size: .8rem; font-weight: normal; font-variant-numeric: tabular-nums; }
article div { display: flex; gap: .75rem; }
figure { margin: 0; flex: 1 1 0; min-width: 0; }
img { display: block; width: 100%; height: auto; border-radius: 4px; outline: 1px solid var(--line); }
img.small { image-rendering: pixelated; }
figcaption { margin-top: .35rem; font-size: .8rem; overflow-wrap: anywhere; }
li, dd { overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .35rem 1.25rem; margin: 0; }
dd { margin: 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; caption-side: bottom; padding-top: .5rem; font-size: .85rem; }
th, td { padding: .35rem 0 .35rem 1.5rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; font-weight: normal; }
th:first-child { text-align: left; padding-left: 0; }
thead th { color: var(--quiet); }
tr.own > * { font-weight: 600; }
@media (max-width: 40rem) {
  body { padding: 1.5rem 1rem; }
  article { padding: .75rem; }
  article div { gap: .5rem; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: .6rem; }
  th, td { padding-left: .9rem; }
}
`;
