import type { Drawing } from "./drawing.js";

/** Pens, fingers and mice on the canvas. */
export function drawWithPointer(drawing: Drawing): void {
  const { canvas } = drawing;
  const place = (event: PointerEvent) => {
    const box = canvas.getBoundingClientRect();
    return {
      x: ((event.clientX - box.left) / box.width) * canvas.width,
      y: ((event.clientY - box.top) / box.height) * canvas.height,
    };
  };
  let drawingPointer: number | undefined;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || drawingPointer !== undefined) return;
    drawingPointer = event.pointerId;
    canvas.setPointerCapture(event.pointerId);
    drawing.begin(place(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== drawingPointer) return;
    // All positions since the last frame, so that fast strokes stay round.
    const events = event.getCoalescedEvents?.() ?? [];
    for (const part of events.length > 0 ? events : [event]) drawing.continue(place(part));
  });
  for (const type of ["pointerup", "pointercancel"] as const) {
    canvas.addEventListener(type, (event) => {
      if (event.pointerId !== drawingPointer) return;
      drawingPointer = undefined;
      drawing.end();
    });
  }
}

const ARROWS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/**
 * The pen by keyboard: arrows move it, Space puts it down and lifts it.
 * @param crosshair shows where it is
 * @param say tells it to those who do not see
 */
export function drawWithKeys(drawing: Drawing, crosshair: HTMLElement, say: (text: string) => void): void {
  const { canvas } = drawing;
  let at = { x: 0.5, y: 0.5 };
  let down = false;
  const onSheet = () => ({ x: at.x * canvas.width, y: at.y * canvas.height });
  const show = () => {
    crosshair.style.setProperty("--x", `${100 * at.x}%`);
    crosshair.style.setProperty("--y", `${100 * at.y}%`);
    crosshair.classList.toggle("down", down);
  };
  const lift = () => {
    down = false;
    drawing.end();
    show();
  };
  canvas.addEventListener("focus", () => {
    crosshair.hidden = !canvas.matches(":focus-visible");
    show();
  });
  canvas.addEventListener("pointerdown", () => {
    crosshair.hidden = true;
  });
  canvas.addEventListener("blur", () => {
    crosshair.hidden = true;
    if (down) lift();
  });
  canvas.addEventListener("keydown", (event) => {
    const arrow = ARROWS[event.key];
    const put = event.key === " " || event.key === "Enter";
    if ((!arrow && !put) || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    crosshair.hidden = false;
    if (arrow) {
      const step = event.shiftKey ? 0.1 : 0.02;
      const within = (value: number) => Math.min(Math.max(value, 0), 1);
      at = { x: within(at.x + arrow[0] * step), y: within(at.y + arrow[1] * step) };
      if (down) drawing.continue(onSheet());
      show();
      return;
    }
    if (down) {
      lift();
      say("Lifted.");
      return;
    }
    drawing.begin(onSheet());
    down = drawing.tool !== "fill";
    if (!down) drawing.end();
    say(down ? `${drawing.tool === "pen" ? "Pen" : "Eraser"} down.` : "Filled.");
    show();
  });
}
