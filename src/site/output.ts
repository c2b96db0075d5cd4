import { button, canvas, html, input, make, setRatio } from "./dom.js";

/** The panel of the result, with the slider that shows the input over it. */
export class Output {
  private readonly stage = html("output-stage");
  private readonly result = canvas("result");
  private readonly before = canvas("before");
  private readonly split = input("split");

  /** @param name of downloaded files */
  constructor(private readonly name: string) {
    this.split.addEventListener("input", () => this.showSplit());
    this.showSplit();
    button("download").addEventListener("click", () => void this.download());
  }

  /** Shows a result beside what it was made of. */
  show(image: ImageData, original: HTMLCanvasElement): void {
    this.result.width = image.width;
    this.result.height = image.height;
    this.result.getContext("2d")!.putImageData(image, 0, 0);
    this.before.width = original.width;
    this.before.height = original.height;
    this.before.getContext("2d")!.drawImage(original, 0, 0);
    setRatio(this.stage, original.width, original.height);
    this.stage.setAttribute("aria-busy", "false");
    button("download").disabled = false;
  }

  private showSplit(): void {
    this.stage.style.setProperty("--split", `${this.split.value}%`);
    this.split.setAttribute("aria-valuetext", `${this.split.value} % input`);
  }

  private async download(): Promise<void> {
    const blob = await new Promise<Blob | null>((resolve) => this.result.toBlob(resolve));
    if (!blob) return;
    const href = URL.createObjectURL(blob);
    make("a", { href, download: `${this.name}.png` }).click();
    setTimeout(() => URL.revokeObjectURL(href), 1000);
  }
}
