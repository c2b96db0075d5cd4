import { button, html, input, setRatio } from "./dom.js";
import type { Drawing, Tool } from "./drawing.js";

const TOOLS: Readonly<Record<string, Tool>> = { p: "pen", f: "fill", e: "eraser" };

/**
 * The drawing's buttons and keys; the result puts them right after a change.
 * @param sheet sides of an empty sheet
 */
export function wireTools(drawing: Drawing, sheet: number): () => void {
  const buttons = [...document.querySelectorAll<HTMLButtonElement>("[data-tool]")];
  const choose = (tool: Tool) => {
    drawing.tool = tool;
    for (const each of buttons) each.setAttribute("aria-pressed", String(each.dataset.tool === tool));
  };
  for (const each of buttons) each.addEventListener("click", () => choose(each.dataset.tool as Tool));

  const slider = input("width");
  // In shares of the sheet, so that it looks the same whatever its pixels are.
  const setWidth = () => {
    drawing.width = Math.max(
      1,
      (Number(slider.value) * Math.max(drawing.canvas.width, drawing.canvas.height)) / 320,
    );
  };
  slider.addEventListener("input", setWidth);

  button("undo").addEventListener("click", () => drawing.undo());
  button("redo").addEventListener("click", () => drawing.redo());
  button("clear").addEventListener("click", () => drawing.clear(sheet, sheet));
  document.addEventListener("keydown", (event) => {
    const typing = event.target instanceof HTMLInputElement && event.target.type !== "range";
    if (typing || event.altKey) return;
    const key = event.key.toLowerCase();
    if (event.ctrlKey || event.metaKey) {
      if (key !== "z" && key !== "y") return;
      event.preventDefault();
      if (key === "y" || event.shiftKey) drawing.redo();
      else drawing.undo();
    } else if (TOOLS[key]) choose(TOOLS[key]);
  });

  const stage = html("input-stage");
  let sides = "";
  return () => {
    button("undo").disabled = !drawing.canUndo;
    button("redo").disabled = !drawing.canRedo;
    const { width, height } = drawing.canvas;
    if (sides === `${width} ${height}`) return;
    sides = `${width} ${height}`;
    setRatio(stage, width, height);
    setWidth();
  };
}
