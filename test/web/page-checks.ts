import type { Page } from "playwright-core";

/** What screen readers are told of a page and its controls that have no name. */
export async function nameless(page: Page): Promise<readonly string[]> {
  const tree = await page.locator("body").ariaSnapshot();
  const controls = "button|slider|radio|checkbox|combobox|spinbutton|textbox|progressbar|img|application";
  return tree.match(new RegExp(`^\\s*- (${controls})(?! ").*$`, "gm"))?.map((line) => line.trim()) ?? [];
}

/** The controls that Tab reaches, in its order, by id or name, with a remark where the focus does not show. */
export async function tabOrder(page: Page): Promise<readonly string[]> {
  const reached: string[] = [];
  // From the beginning, wherever the last click was.
  await page.evaluate(
    "(({ body }) => { body.tabIndex = -1; body.focus(); body.removeAttribute('tabindex'); })(document)",
  );
  for (;;) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate<string>(FOCUSED);
    if (at === "" || reached.includes(at)) return reached;
    reached.push(at);
  }
}

/** What has the focus, nothing at the end of the page; a label may show it for its control. */
const FOCUSED = `(() => {
  const { activeElement: at, body } = document;
  if (at === body) return "";
  const shows = (element) => {
    const { outlineStyle, outlineWidth } = getComputedStyle(element);
    return outlineStyle !== "none" && parseFloat(outlineWidth) > 0;
  };
  const name = at.id || at.dataset.tool || at.ariaLabel || (at.labels?.[0] ?? at).textContent.trim();
  const marked = [at, at.previousElementSibling, at.nextElementSibling, at.parentElement].some((near) => near && shows(near));
  return marked ? name : name + " without a mark";
})()`;

/**
 * Texts whose contrast with what is behind them is below 4.5 to 1, which WCAG 2 asks for (1.4.3). Those of disabled controls
 * may be fainter.
 */
export const faintTexts = (page: Page): Promise<readonly string[]> => page.evaluate(FAINT);

const FAINT = `(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const paint = (...colors) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const color of colors) {
      canvas.fillStyle = color;
      canvas.fillRect(0, 0, 1, 1);
    }
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const grounds = (element) =>
    element ? [...grounds(element.parentElement), getComputedStyle(element).backgroundColor] : ["white"];
  const faint = [];
  for (const element of document.body.querySelectorAll("*")) {
    const text = [...element.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data.trim()).join(" ");
    if (text.trim() === "" || element.matches(":disabled, .unseen, option") || !element.checkVisibility()) continue;
    const behind = grounds(element);
    const [light, dark] = [paint(...behind, getComputedStyle(element).color), paint(...behind)].map(luminance).sort((a, b) => b - a);
    const contrast = (light + 0.05) / (dark + 0.05);
    if (contrast < 4.5) faint.push(text + ": " + contrast.toFixed(2));
  }
  return faint;
})()`;
