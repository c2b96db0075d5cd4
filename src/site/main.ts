import type { Preparation, WebTranslator } from "pixcycle/web";
import type { SiteInfo } from "../translation/site-info.js";
import { Camera } from "./camera.js";
import { coloursOf, showColours } from "./colours.js";
import { button, canvas, html, input, make, select } from "./dom.js";
import { Drawing } from "./drawing.js";
import { Live } from "./live.js";
import { clearProblem, complain, say } from "./messages.js";
import { loadModel } from "./model.js";
import { prepareOffline } from "./offline.js";
import { Output } from "./output.js";
import { receivePictures } from "./pictures.js";
import { drawWithKeys, drawWithPointer } from "./pointer.js";
import { drawStarter } from "./starter.js";
import { wireTools } from "./tools.js";

/** The longest side that a picture is shown with and translated at. */
const LARGEST = 1024;

html("served").hidden = true;
await prepareOffline();
const site = (await (await fetch("./site.json")).json()) as SiteInfo;

/** Label maps are drawn pixel by pixel; other drawings finer than the model sees them. */
const crisp = site.palette !== undefined;
const sheet = crisp ? site.size : Math.max(site.size, 512);
const colours = coloursOf(site);

const output = new Output(site.name);
const camera = new Camera();
let translator: WebTranslator | undefined;
let times: number[] = [];

const live = new Live(translate, complain);
const drawing = new Drawing(canvas("drawing"), colours[0]!.color, crisp, () => {
  updateTools();
  live.request();
});
drawing.color = colours[1]!.color;
const updateTools = wireTools(drawing, sheet);

describeSite();
showColours(html("palette"), colours, crisp, (color) => {
  drawing.color = color;
});
drawWithPointer(drawing);
drawWithKeys(drawing, html("crosshair"), say);
receivePictures(input("file"), (file) => void openPicture(file));
canvas("drawing").addEventListener("pointerdown", () => stopCamera(), { capture: true });
button("camera").addEventListener("click", () => void toggleCamera());
button("turn").addEventListener("click", () => void camera.turn().catch(complain));
select("size").addEventListener("change", () => live.request());
select("device-choice").addEventListener("change", () => void start());

await begin();
await start();

/** The first thing on the sheet: an example, else a small drawing. */
async function begin(): Promise<void> {
  const [first] = site.examples;
  if (first) {
    await openPicture(first.file);
  } else {
    drawing.clear(sheet, sheet);
    drawStarter(
      drawing,
      colours.map(({ color }) => color),
    );
  }
  drawing.forget();
}

/** Loads the model, again on another device. */
async function start(): Promise<void> {
  const previous = translator;
  translator = undefined;
  clearProblem();
  try {
    await previous?.close();
    translator = await loadModel(site);
    times = [];
    say("Ready: what you draw is translated at once.");
    live.request();
  } catch (error) {
    complain(error);
    say("The model was not loaded.");
  }
}

async function translate(): Promise<void> {
  if (!translator) return;
  if (camera.running) {
    const { picture, square } = camera.frame();
    drawing.show(picture, square, sheet, sheet, false);
  }
  const begin = performance.now();
  const result = await translator.translate(drawing.canvas, preparation());
  showSpeed(performance.now() - begin);
  output.show(result, drawing.canvas);
}

/** The sheet at the size of the menu, in its proportions. */
function preparation(): Partial<Preparation> {
  const { width, height } = drawing.canvas;
  const longest = Number(select("size").value);
  if (Math.max(width, height) === longest) return { preprocess: "none" };
  const load_size = Math.max(4, Math.round((width * longest) / Math.max(width, height)));
  const interpolation = crisp ? "nearest" : "bicubic";
  return { preprocess: "scale_width", load_size, crop_size: 1, interpolation };
}

/** The median of the last ones: the first of a size takes longer. */
function showSpeed(milliseconds: number): void {
  times = [...times.slice(-8), milliseconds];
  const median = times.toSorted((a, b) => a - b)[times.length >> 1]!;
  const rate = camera.running ? `, ${(1000 / median).toFixed(0)} a second` : "";
  html("speed").textContent =
    median < 1000 ? `${median.toFixed(0)} ms${rate}` : `${(median / 1000).toFixed(1)} s`;
}

async function openPicture(source: File | string, name?: string): Promise<void> {
  clearProblem();
  stopCamera();
  try {
    const blob = typeof source === "string" ? await (await fetch(source)).blob() : source;
    const picture = await createImageBitmap(blob);
    const scale = Math.min(1, LARGEST / Math.max(picture.width, picture.height));
    const [width, height] = [Math.round(picture.width * scale), Math.round(picture.height * scale)];
    drawing.show(picture, new DOMRectReadOnly(0, 0, picture.width, picture.height), width, height);
    const shown = source instanceof File ? source.name : name;
    if (shown !== undefined) say(`${shown} is translated. You can draw on it.`);
  } catch (cause) {
    complain(new Error("This picture cannot be opened: use a PNG, JPEG or WebP file.", { cause }));
  }
}

async function toggleCamera(): Promise<void> {
  clearProblem();
  if (camera.running) {
    stopCamera();
    return;
  }
  try {
    await camera.start();
    drawing.keep();
    button("camera").setAttribute("aria-pressed", "true");
    button("turn").hidden = !(await camera.hasOther());
    say("The camera is translated. Press Camera again to keep the picture.");
    times = [];
    live.request();
  } catch (error) {
    complain(error);
  }
}

function stopCamera(): void {
  if (!camera.running) return;
  camera.stop();
  button("camera").setAttribute("aria-pressed", "false");
  button("turn").hidden = true;
  say("The picture is kept. You can draw on it.");
}

function describeSite(): void {
  document.title = site.name;
  html("name").textContent = site.name;
  const sizes = [1, 2, 4].map((factor) => factor * site.size).filter((size) => size <= LARGEST);
  for (const size of sizes.length > 0 ? sizes : [site.size]) {
    select("size").append(make("option", { value: String(size) }, `${size} px`));
  }
  for (const [term, fact] of Object.entries(site.facts)) {
    html("facts").append(make("dt", {}, term), make("dd", {}, fact));
  }
  if (!navigator.gpu) select("device-choice").querySelector("[value=webgpu]")?.remove();
  html("examples").hidden = site.examples.length === 0;
  for (const { file, name } of site.examples) {
    const example = make(
      "button",
      { type: "button", title: name },
      make("img", { src: file, alt: name, loading: "lazy" }),
    );
    example.addEventListener("click", () => void openPicture(file, name));
    html("examples").append(example);
  }
}
