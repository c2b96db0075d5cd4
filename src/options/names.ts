import { allOptions, type OptionName } from "./schema.js";

/** The reference's names of options that have another name here. */
const aliases: Record<string, OptionName> = { checkpoints_dir: "runs_dir" };

/** Options of the reference that change nothing here, and why. `false`: the option takes no value. */
const ignored: Record<string, { takesValue: boolean; why: string }> = {
  gpu_ids: { takesValue: true, why: "--device chooses where the model runs" },
  display_id: { takesValue: true, why: "there is no visdom server; samples are files in the run's folder" },
  display_port: { takesValue: true, why: "there is no visdom server" },
  display_server: { takesValue: true, why: "there is no visdom server" },
  display_env: { takesValue: true, why: "there is no visdom server" },
  display_ncols: { takesValue: true, why: "there is no visdom server" },
  display_winsize: { takesValue: true, why: "there is no visdom server" },
  update_html_freq: { takesValue: true, why: "--display_freq decides when samples are written" },
  no_html: { takesValue: false, why: "samples are image files" },
  use_wandb: { takesValue: false, why: "metrics are in metrics.jsonl" },
  wandb_project_name: { takesValue: true, why: "metrics are in metrics.jsonl" },
  verbose: { takesValue: false, why: "pixcycle inspect prints a network" },
  suffix: { takesValue: true, why: "--name is the whole name of a run" },
  save_by_iter: { takesValue: false, why: "checkpoints are named by their step" },
};

/** What a written name turned out to be. */
export type OptionLookup =
  | { readonly kind: "option"; readonly name: OptionName; readonly negated: boolean }
  | { readonly kind: "ignored"; readonly name: string; readonly takesValue: boolean; readonly why: string }
  | { readonly kind: "unknown"; readonly suggestion: string | undefined };

/** True for an option that is switched on by its bare name. */
export function isSwitch(name: OptionName): boolean {
  return allOptions[name].type === "boolean";
}

/** The name that switches a boolean option off: `no_flip` ↔ `flip`, `continue_train` ↔ `no_continue_train`. */
export function negationOf(name: OptionName): string {
  return name.startsWith("no_") ? name.slice(3) : `no_${name}`;
}

const names = Object.keys(allOptions) as OptionName[];
const negations = new Map(names.filter(isSwitch).map((name) => [negationOf(name), name]));

/** Every spelling that `lookUpOption` knows besides the names themselves. */
export const otherSpellings: readonly string[] = [
  ...negations.keys(),
  ...Object.keys(aliases),
  ...Object.keys(ignored),
];

/** Finds an option by the name a user wrote (without leading dashes), with `-` or `_` between words. */
export function lookUpOption(written: string): OptionLookup {
  const name = written.replaceAll("-", "_");
  if (Object.hasOwn(allOptions, name)) return { kind: "option", name: name as OptionName, negated: false };
  const alias = Object.hasOwn(aliases, name) ? aliases[name] : undefined;
  if (alias !== undefined) return { kind: "option", name: alias, negated: false };
  const positive = negations.get(name);
  if (positive !== undefined) return { kind: "option", name: positive, negated: true };
  const unused = Object.hasOwn(ignored, name) ? ignored[name] : undefined;
  if (unused !== undefined) return { kind: "ignored", name, ...unused };
  return { kind: "unknown", suggestion: nearest(name, names) };
}

/** The choice within an edit distance of a third of the word (at least 2), or undefined. */
export function nearest(word: string, choices: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const choice of choices) {
    const distance = editDistance(word.toLowerCase(), choice.toLowerCase());
    if (distance < bestDistance) {
      best = choice;
      bestDistance = distance;
    }
  }
  return best;
}

/** Damerau–Levenshtein distance (optimal string alignment): edits and swaps of neighbours that turn a into b. */
export function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let distance = Math.min(substitution, previous[j]! + 1, row[j - 1]! + 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) distance = Math.min(distance, beforePrevious[j - 2]! + 1);
      row.push(distance);
    }
    beforePrevious = previous;
    previous = row;
  }
  return previous[b.length]!;
}
