/** The element of index.html with this id, which must be of this class. */
export function element<T extends Element>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (found instanceof type) return found;
  throw new Error(`The page has no ${type.name} ${id}.`);
}

export const canvas = (id: string): HTMLCanvasElement => element(id, HTMLCanvasElement);
export const button = (id: string): HTMLButtonElement => element(id, HTMLButtonElement);
export const input = (id: string): HTMLInputElement => element(id, HTMLInputElement);
export const select = (id: string): HTMLSelectElement => element(id, HTMLSelectElement);
export const html = (id: string): HTMLElement => element(id, HTMLElement);

/** A new element with attributes and content. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string>> = {},
  ...content: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...content);
  return made;
}

/** Gives a stage the proportions of what it shows. */
export function setRatio(stage: HTMLElement, width: number, height: number): void {
  stage.style.setProperty("--ratio", String(width / height));
}
