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

/**
 * A whole page.
 * @param title plain text
 * @param body HTML: a `header`, a `main` of `article`s with `figure`s in a `div`, `section`s
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
section { margin: 2rem 0; overflow-x: auto; }
li { overflow-wrap: anywhere; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem 1.2rem .3rem 0; text-align: right; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; }
`;
