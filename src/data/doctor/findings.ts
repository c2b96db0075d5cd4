import type { PixcycleError } from "../../errors.js";

/** Something that the doctor noticed. */
export interface Finding {
  /** A problem keeps from training, or makes it or its scores wrong; a warning is worth a look. */
  readonly severity: "problem" | "warning";
  /** An error's code, or what it is about: `swapped sides`. */
  readonly topic: string;
  readonly message: string;
  readonly hint: string;
  /** All files that it concerns, where they are not in the message. */
  readonly files: readonly string[];
}

/** A coded error as a finding: the training would refuse it, too. */
export function problemOf(error: PixcycleError): Finding {
  const { code, message, hint = "" } = error;
  return { severity: "problem", topic: code, message, hint, files: [] };
}

/** A finding that keeps nothing from working. */
export function warning(
  topic: string,
  message: string,
  hint: string,
  files: readonly string[] = [],
): Finding {
  return { severity: "warning", topic, message, hint, files };
}

/** Items by a key, the largest group first. */
export function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): [key: string, items: T[]][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return [...groups].sort(([, a], [, b]) => b.length - a.length);
}
