import { type BuiltinSide, builtinImages } from "./builtin.js";
import { button, complain, html, input, say } from "./dom.js";
import { chosenImages, droppedFolders, type Folder, type FoundImage } from "./folders.js";

/** How images belong together. */
export type Layout = "pairs" | "side_by_side" | "unpaired";

/** The images of both sides; `side_by_side` has all in A. */
export interface Images {
  readonly layout: Layout;
  readonly A: readonly FoundImage[];
  readonly B: readonly FoundImage[];
}

type Side = "A" | "B";

const HINTS: Readonly<Record<Layout, string>> = {
  pairs: "Two folders with equal names: 07.png in one becomes 07.png of the other.",
  side_by_side: "One folder: the left half of every image becomes its right half.",
  unpaired: "Two folders of different things: horses and zebras, photographs and paintings.",
};
const THUMBS = 5;

/** The first panel: what is trained on. */
export class ImagePanel {
  private readonly images: Record<Side, readonly FoundImage[]> = { A: [], B: [] };
  private readonly urls: Record<Side, string[]> = { A: [], B: [] };

  /** @param changed called after every choice */
  constructor(private readonly changed: () => void) {
    for (const side of ["A", "B"] as const) this.wire(side);
    for (const radio of document.querySelectorAll<HTMLInputElement>("[name=layout]")) {
      radio.addEventListener("change", () => this.show());
    }
    button("builtin").addEventListener("click", () => void this.useBuiltin());
    document.addEventListener("dragover", (event) => event.preventDefault());
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      if (event.dataTransfer) void this.take(droppedFolders(event.dataTransfer), "A");
    });
  }

  get layout(): Layout {
    return document.querySelector<HTMLInputElement>("[name=layout]:checked")!.value as Layout;
  }

  get chosen(): Images {
    const { A, B } = this.images;
    return { layout: this.layout, A, B: this.layout === "side_by_side" ? [] : B };
  }

  get complete(): boolean {
    const { layout, A, B } = this.chosen;
    return A.length > 0 && (layout === "side_by_side" || B.length > 0);
  }

  private wire(side: Side): void {
    const chooser = input(`folder-${side}`);
    chooser.addEventListener("change", () => {
      const images = chosenImages(chooser.files ?? []);
      chooser.value = "";
      this.set(side, images);
    });
    const zone = html(`zone-${side}`);
    zone.addEventListener("dragenter", () => zone.classList.add("over"));
    zone.addEventListener("dragleave", (event) => {
      if (!zone.contains(event.relatedTarget as Node | null)) zone.classList.remove("over");
    });
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      event.stopPropagation();
      zone.classList.remove("over");
      if (event.dataTransfer) void this.take(droppedFolders(event.dataTransfer), side);
    });
  }

  /** One folder is one side; two, or one with two in it, are both, by their names. */
  private async take(dropped: Promise<Folder[]>, side: Side): Promise<void> {
    try {
      const found = await dropped;
      const [only] = found;
      const two = found.length === 1 && only!.folders.length === 2 ? only!.folders : found;
      const [first, second] = two;
      if (first && second && this.layout !== "side_by_side") {
        this.set("A", first.images);
        this.set("B", second.images);
      } else {
        this.set(side, first?.images ?? []);
      }
    } catch (error) {
      complain(error);
    }
  }

  private set(side: Side, images: readonly FoundImage[]): void {
    complain(
      images.length === 0 ? new Error("There are no images: use PNG, JPEG, WebP or GIF files.") : undefined,
    );
    this.images[side] = images;
    this.show();
    if (images.length > 0) say(`${images.length} images on the ${side === "A" ? "input" : "output"} side.`);
  }

  private async useBuiltin(): Promise<void> {
    try {
      const sides: readonly [Side, BuiltinSide][] = [
        ["A", "flat"],
        ["B", "3d"],
      ];
      for (const [side, style] of sides) this.images[side] = await builtinImages(style);
      document.querySelector<HTMLInputElement>("[value=pairs]")!.checked = true;
      this.show();
      say("Flat icons and the same in 3D: the model will learn to give icons depth.");
    } catch (error) {
      complain(error);
    }
  }

  /** Shows what is chosen. */
  show(): void {
    const single = this.layout === "side_by_side";
    html("layout-hint").textContent = HINTS[this.layout];
    html("zone-B").hidden = single;
    html("title-A").textContent = single ? "Input | output" : "Input";
    for (const side of ["A", "B"] as const) {
      const images = this.images[side];
      html(`count-${side}`).textContent =
        images.length === 0 ? "Drop a folder here" : `${images.length} images`;
      this.showThumbs(side, images.slice(0, THUMBS));
    }
    this.changed();
  }

  private showThumbs(side: Side, images: readonly FoundImage[]): void {
    for (const url of this.urls[side].splice(0)) URL.revokeObjectURL(url);
    const thumbs = images.map(({ image }) => {
      const thumb = new Image();
      thumb.src = URL.createObjectURL(image);
      thumb.alt = "";
      this.urls[side].push(thumb.src);
      return thumb;
    });
    html(`thumbs-${side}`).replaceChildren(...thumbs);
  }
}
