type Losses = Readonly<Record<string, number>>;

const POINTS = 100;
const WIDTH = 200;
const HEIGHT = 44;
const SVG = "http://www.w3.org/2000/svg";

interface Curve {
  readonly value: HTMLElement;
  readonly path: SVGPathElement;
}

/** Every loss with its own small curve, since their scales have nothing in common. */
export class LossCurves {
  private readonly curves = new Map<string, Curve>();
  private drawing = false;
  /** By step, from the first. */
  readonly history: Losses[] = [];

  constructor(private readonly place: HTMLElement) {}

  reset(history: readonly Losses[]): void {
    this.curves.clear();
    this.place.replaceChildren();
    this.history.splice(0, this.history.length, ...history);
    this.request();
  }

  /** A training that was taken back tells a step again. */
  add(step: number, losses: Losses): void {
    this.history.length = step - 1;
    this.history.push(losses);
    this.request();
  }

  /** Draws once a frame at most. */
  private request(): void {
    if (this.drawing) return;
    this.drawing = true;
    requestAnimationFrame(() => {
      this.drawing = false;
      for (const name of Object.keys(this.history.at(-1) ?? {})) this.draw(name);
    });
  }

  private draw(name: string): void {
    const means = windowMeans(this.history.map((losses) => losses[name]!));
    const { value, path } = this.curves.get(name) ?? this.addCurve(name);
    value.textContent = means.at(-1)!.toPrecision(3);
    const highest = Math.max(...means);
    const lowest = Math.min(...means);
    const x = (i: number) => (means.length < 2 ? 0 : (i / (means.length - 1)) * WIDTH);
    const y = (mean: number) => HEIGHT - 2 - ((mean - lowest) / (highest - lowest || 1)) * (HEIGHT - 4);
    path.setAttribute(
      "d",
      `M${means.map((mean, i) => `${x(i).toFixed(1)} ${y(mean).toFixed(1)}`).join("L")}`,
    );
  }

  private addCurve(name: string): Curve {
    const row = document.createElement("div");
    row.className = "loss";
    const label = document.createElement("span");
    label.textContent = name;
    const value = document.createElement("output");
    value.setAttribute("aria-label", name);
    // Read when it is looked for, not with every step.
    value.setAttribute("aria-live", "off");
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("aria-hidden", "true");
    const path = document.createElementNS(SVG, "path");
    svg.append(path);
    row.append(label, svg, value);
    this.place.append(row);
    const curve = { value, path };
    this.curves.set(name, curve);
    return curve;
  }
}

/** Means of equal windows, so that a long training is as readable as a short one. */
function windowMeans(values: readonly number[]): number[] {
  const length = Math.max(1, Math.ceil(values.length / POINTS));
  const means: number[] = [];
  for (let i = 0; i < values.length; i += length) {
    const window = values.slice(i, i + length);
    means.push(window.reduce((sum, value) => sum + value, 0) / window.length);
  }
  return means;
}
