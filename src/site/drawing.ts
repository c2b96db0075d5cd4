import { floodFill } from "./fill.js";

export type Tool = "pen" | "fill" | "eraser";

/** Red, green and blue, 0 to 255. */
export type Rgb = readonly [number, number, number];

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Steps that can be taken back. */
const HISTORY = 40;

const css = (color: Rgb): string => `rgb(${color.join(" ")})`;

/** A canvas with pen, eraser, fill, undo and redo. Positions are in its pixels. */
export class Drawing {
  tool: Tool = "pen";
  color: Rgb = [0, 0, 0];
  /** Of pen and eraser, in pixels. */
  width = 4;
  private readonly context: CanvasRenderingContext2D;
  private readonly past: ImageData[] = [];
  private readonly future: ImageData[] = [];
  private last: Point | undefined;

  /**
   * @param paper what the eraser leaves
   * @param crisp no soft edges: every pixel has one of the colours, as label maps need
   * @param changed told of every change
   */
  constructor(
    readonly canvas: HTMLCanvasElement,
    private readonly paper: Rgb,
    private readonly crisp: boolean,
    private readonly changed: () => void,
  ) {
    this.context = canvas.getContext("2d", { willReadFrequently: true })!;
    this.context.lineCap = "round";
  }

  get canUndo(): boolean {
    return this.past.length > 0;
  }

  get canRedo(): boolean {
    return this.future.length > 0;
  }

  /** An empty sheet. */
  clear(width: number, height: number): void {
    this.keep();
    this.resize(width, height);
    this.context.fillStyle = css(this.paper);
    this.context.fillRect(0, 0, width, height);
    this.changed();
  }

  /**
   * A picture instead of the drawing, to be drawn on.
   * @param keep whether that can be taken back, unlike the frames of a video
   */
  show(picture: CanvasImageSource, from: DOMRectReadOnly, width: number, height: number, keep = true): void {
    if (keep) this.keep();
    this.resize(width, height);
    this.context.fillStyle = css(this.paper);
    this.context.fillRect(0, 0, width, height);
    this.context.imageSmoothingQuality = "high";
    this.context.drawImage(picture, from.x, from.y, from.width, from.height, 0, 0, width, height);
    this.changed();
  }

  /** Puts the tool down. */
  begin(at: Point): void {
    this.keep();
    if (this.tool === "fill") this.fill(at);
    else this.moveTo(at, at);
    this.changed();
  }

  /** Moves the tool that is down. */
  continue(at: Point): void {
    if (this.last === undefined) return;
    this.moveTo(this.last, at);
    this.changed();
  }

  end(): void {
    this.last = undefined;
  }

  undo(): void {
    this.swap(this.past, this.future);
  }

  redo(): void {
    this.swap(this.future, this.past);
  }

  /** Nothing before this can be taken back. */
  forget(): void {
    this.past.length = 0;
    this.future.length = 0;
    this.changed();
  }

  /** Remembers the sheet as it is. */
  keep(): void {
    if (this.canvas.width === 0) return;
    this.past.push(this.pixels());
    if (this.past.length > HISTORY) this.past.shift();
    this.future.length = 0;
  }

  private pixels(): ImageData {
    return this.context.getImageData(0, 0, this.canvas.width, this.canvas.height);
  }

  private swap(from: ImageData[], to: ImageData[]): void {
    const sheet = from.pop();
    if (!sheet) return;
    to.push(this.pixels());
    this.resize(sheet.width, sheet.height);
    this.context.putImageData(sheet, 0, 0);
    this.changed();
  }

  private resize(width: number, height: number): void {
    if (this.canvas.width === width && this.canvas.height === height) return;
    this.canvas.width = width;
    this.canvas.height = height;
    this.context.lineCap = "round";
  }

  private fill({ x, y }: Point): void {
    const column = Math.min(Math.max(Math.floor(x), 0), this.canvas.width - 1);
    const row = Math.min(Math.max(Math.floor(y), 0), this.canvas.height - 1);
    const sheet = this.pixels();
    floodFill(sheet, column, row, this.color, this.crisp);
    this.context.putImageData(sheet, 0, 0);
  }

  private moveTo(from: Point, to: Point): void {
    this.last = to;
    const color = css(this.tool === "eraser" ? this.paper : this.color);
    const { context } = this;
    if (this.crisp) {
      context.fillStyle = color;
      const steps = Math.ceil(2 * Math.hypot(to.x - from.x, to.y - from.y)) + 1;
      for (let step = 1; step <= steps; step++) {
        const part = step / steps;
        this.stamp(from.x + (to.x - from.x) * part, from.y + (to.y - from.y) * part);
      }
      return;
    }
    context.strokeStyle = color;
    context.lineWidth = this.width;
    context.beginPath();
    context.moveTo(from.x, from.y);
    // A line without length would leave nothing.
    context.lineTo(to.x + 0.01, to.y);
    context.stroke();
  }

  /** A disc of whole pixels. */
  private stamp(x: number, y: number): void {
    const radius = this.width / 2;
    for (let row = Math.floor(y - radius); row <= y + radius; row++) {
      const half = Math.sqrt(Math.max(radius ** 2 - (row + 0.5 - y) ** 2, 0));
      const begin = Math.round(x - half);
      this.context.fillRect(begin, row, Math.round(x + half) - begin, 1);
    }
  }
}
