import { html } from "./dom.js";

const status = html("status");
const problem = html("problem");

/** One line for everybody, read out by screen readers. */
export function say(text: string): void {
  status.textContent = text;
}

/** What went wrong, until `clearProblem`. */
export function complain(error: unknown): void {
  const hint = error instanceof Error && "hint" in error && error.hint !== undefined ? ` ${error.hint}` : "";
  problem.textContent = `${error instanceof Error ? error.message : String(error)}${hint}`;
  problem.hidden = false;
}

export function clearProblem(): void {
  problem.hidden = true;
}
