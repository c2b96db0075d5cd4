import type { WebSampleEvent } from "pixcycle/web";

const CAPTIONS: Readonly<Record<string, string>> = {
  real_A: "input",
  fake_B: "output",
  real_B: "truth",
  fake_A: "back: output",
  rec_A: "there and back",
  rec_B: "back and there",
};
const UNPAIRED: Readonly<Record<string, string>> = { real_B: "input of the other side" };
/** What an identity loss shows would only fill the page. */
const SHOWN = Object.keys(CAPTIONS);
const MOST = 6;

/** The last samples, the newest first. */
export class Samples {
  constructor(private readonly place: HTMLElement) {}

  reset(): void {
    const hint = document.createElement("p");
    hint.className = "hint";
    hint.textContent = "The first pictures come after some steps.";
    this.place.replaceChildren(hint);
  }

  add({ step, columns, rows }: WebSampleEvent): void {
    const unpaired = columns.includes("fake_A");
    const shown = SHOWN.filter((name) => columns.includes(name));
    const figures = rows.slice(0, 1).map((row) => {
      const figure = document.createElement("figure");
      const caption = document.createElement("figcaption");
      caption.textContent = `Step ${step}`;
      figure.append(caption);
      for (const name of shown) {
        const title = (unpaired && UNPAIRED[name]) || CAPTIONS[name]!;
        figure.append(picture(row[columns.indexOf(name)]!, title, `${title} at step ${step}`));
      }
      return figure;
    });
    this.place.querySelector(":scope > p")?.remove();
    this.place.prepend(...figures);
    while (this.place.children.length > MOST) this.place.lastElementChild!.remove();
  }
}

function picture(image: ImageData, title: string, label: string): HTMLElement {
  const canvas = document.createElement("canvas");
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext("2d")!.putImageData(image, 0, 0);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", label);
  const cell = document.createElement("div");
  const caption = document.createElement("span");
  caption.textContent = title;
  caption.setAttribute("aria-hidden", "true");
  cell.append(canvas, caption);
  return cell;
}
