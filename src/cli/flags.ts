import { PixcycleError } from "../errors.js";
import type { CommandCall } from "./command.js";

/** The value of a command's own flag as a whole number of at least 1. */
export function wholeNumber({ flags }: CommandCall, name: string, fallback: number): number {
  const value = Number(flags[name] ?? fallback);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new PixcycleError(
    "E_OPTION",
    `--${name} expects a whole number of at least 1, got "${flags[name]}".`,
  );
}

/** The value of a command's own flag as one of some choices; undefined without the flag. */
export function choice<T extends string>(
  { flags }: CommandCall,
  name: string,
  choices: readonly T[],
): T | undefined {
  const written = flags[name];
  const found = choices.find((candidate) => candidate === written);
  if (found !== undefined || written === undefined) return found;
  throw new PixcycleError("E_OPTION", `--${name} expects one of ${choices.join(", ")}, got "${written}".`);
}
