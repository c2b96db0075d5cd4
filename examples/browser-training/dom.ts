/** The element with this id, which must be of this class. */
function byId<T extends HTMLElement>(id: string, type: abstract new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`The page has no ${type.name} ${id}.`);
  return found;
}

export const html = (id: string): HTMLElement => byId(id, HTMLElement);
export const button = (id: string): HTMLButtonElement => byId(id, HTMLButtonElement);
export const input = (id: string): HTMLInputElement => byId(id, HTMLInputElement);
export const select = (id: string): HTMLSelectElement => byId(id, HTMLSelectElement);

/** One line for everybody, read out by screen readers. */
export function say(text: string): void {
  html("status").textContent = text;
}

/** What went wrong, with what to do about it; nothing clears the line. */
export function complain(error?: unknown): void {
  const problem = html("problem");
  problem.hidden = error === undefined;
  if (error === undefined) return;
  const { message, hint } = error as { message?: string; hint?: string };
  problem.textContent = [message ?? String(error), hint].filter(Boolean).join(" ");
}
