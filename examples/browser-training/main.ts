/**
 * A page that trains pix2pix or CycleGAN on the visitor's images and device.
 *
 *     npx vite examples/browser-training                     # while working on it
 *     npx vite build examples/browser-training               # into .cache/browser-training, for any static host
 */
import type { WebTrainOptions } from "pixcycle/web";
import { button, complain, html, input, say, select } from "./dom.js";
import { ImagePanel } from "./images.js";
import { lengthOptions, presetsFor, sizeOptions } from "./presets.js";
import { Session } from "./session.js";
import { TrainingStore } from "./store.js";
import { namedWeights } from "./weights.js";

const SAMPLES = 40;

const store = await TrainingStore.open();
const session = new Session(store);
const panel = new ImagePanel(showChoices);
let weights: Readonly<Record<string, File>> = {};

if (!navigator.gpu) select("device-choice").querySelector("[value=webgpu]")?.remove();
select("preset").addEventListener("change", showHint);
input("weights").addEventListener("change", () => {
  const files = input("weights").files ?? [];
  complain();
  try {
    weights = namedWeights(files);
  } catch (error) {
    complain(error);
  }
  input("weights").value = "";
  showWeights();
});
button("no-weights").addEventListener("click", () => {
  weights = {};
  showWeights();
});
html("setup").addEventListener("submit", (event) => {
  event.preventDefault();
  void launch(() => session.begin(panel.chosen, options(), weights));
});
button("discard").addEventListener("click", () => {
  html("kept").hidden = true;
  void store.clear().catch(complain);
  say("Discarded.");
});

panel.show();

const kept = await store.load().catch(complain);
if (kept) {
  const { step, totalSteps } = kept.state;
  const count = kept.images.A.length + kept.images.B.length;
  html("kept").hidden = false;
  html("kept-text").textContent = `A training on ${count} images, ${step} of ${totalSteps} steps done.`;
  button("continue").addEventListener(
    "click",
    () => void launch(() => session.continue(kept.images, kept.state)),
  );
}

/** Begins or continues, and shows the training instead of the choices. */
async function launch(work: () => Promise<void>): Promise<void> {
  complain();
  say("Looking into the images and loading the model …");
  for (const id of ["start", "continue"]) button(id).disabled = true;
  try {
    await work();
    for (const id of ["setup", "kept"]) html(id).hidden = true;
    for (const id of ["training", "meter"]) html(id).hidden = false;
    button("pause").focus();
  } catch (error) {
    complain(error);
    say("The training has not begun.");
  } finally {
    button("continue").disabled = false;
    button("start").disabled = !panel.complete;
  }
}

function options(): WebTrainOptions {
  const { layout, A, B } = panel.chosen;
  const size = Number(select("size").value);
  const steps = Number(input("steps").value);
  const preset = presetsFor(layout)[select("preset").selectedIndex]!;
  const model = layout === "unpaired" ? "cycle_gan" : "pix2pix";
  return {
    // Weights have their own architecture.
    ...(Object.keys(weights).length > 0 ? { model } : preset.options(size)),
    ...sizeOptions(size),
    ...lengthOptions(steps, Math.max(A.length, B.length)),
    device: select("device-choice").value as NonNullable<WebTrainOptions["device"]>,
    display_freq: Math.max(1, Math.round(steps / SAMPLES)),
  };
}

/** The presets that the images allow, and whether everything is there. */
function showChoices(): void {
  const titles = presetsFor(panel.layout).map(({ title }) => title);
  const { selectedIndex } = select("preset");
  select("preset").replaceChildren(...titles.map((title) => new Option(title)));
  select("preset").selectedIndex = Math.max(0, selectedIndex);
  button("start").disabled = !panel.complete;
  showHint();
}

function showHint(): void {
  html("preset-hint").textContent = presetsFor(panel.layout)[select("preset").selectedIndex]!.hint;
}

function showWeights(): void {
  const names = Object.keys(weights);
  select("preset").disabled = names.length > 0;
  button("no-weights").hidden = names.length === 0;
  html("weights-text").textContent =
    names.length === 0
      ? "None: the networks begin new."
      : `${names.join(", ")}, with their own architecture.`;
}
