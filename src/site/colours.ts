import type { SiteInfo } from "../translation/site-info.js";
import { make } from "./dom.js";
import type { Rgb } from "./drawing.js";

interface Colour {
  readonly name: string;
  readonly color: Rgb;
}

/** For models that were not trained on label maps; the first is the paper. */
const CRAYONS: readonly Colour[] = [
  { name: "White", color: [255, 255, 255] },
  { name: "Black", color: [17, 17, 17] },
  { name: "Grey", color: [140, 140, 140] },
  { name: "Red", color: [226, 65, 55] },
  { name: "Orange", color: [243, 148, 41] },
  { name: "Yellow", color: [250, 212, 74] },
  { name: "Green", color: [75, 163, 84] },
  { name: "Blue", color: [56, 116, 213] },
  { name: "Purple", color: [136, 84, 190] },
  { name: "Brown", color: [140, 94, 60] },
];

/** The colours of a site's model; the first is the paper, the second the pen's to begin with. */
export const coloursOf = ({ palette }: SiteInfo): readonly Colour[] => palette ?? CRAYONS;

/**
 * Fills the palette.
 * @param named shows the names beside the colours, as classes of label maps need
 */
export function showColours(
  palette: HTMLElement,
  colours: readonly Colour[],
  named: boolean,
  choose: (color: Rgb) => void,
): void {
  palette.classList.toggle("named", named);
  for (const [index, { name, color }] of colours.entries()) {
    const radio = make("input", { type: "radio", name: "colour", class: "unseen" });
    radio.checked = index === 1;
    radio.addEventListener("change", () => choose(color));
    const swatch = make("span", { class: "swatch", style: `--colour: rgb(${color.join(" ")})` });
    const label = make("span", named ? {} : { class: "unseen" }, name);
    palette.append(make("label", { title: name }, radio, swatch, label));
  }
  if (named) return;
  const own = make("input", {
    type: "color",
    value: "#e8a0bf",
    "aria-label": "Own colour",
    title: "Own colour",
  });
  own.addEventListener("input", () => {
    for (const radio of palette.querySelectorAll<HTMLInputElement>("input[type=radio]"))
      radio.checked = false;
    choose([1, 3, 5].map((at) => Number.parseInt(own.value.slice(at, at + 2), 16)) as unknown as Rgb);
  });
  palette.append(own);
}
