import { PixcycleError } from "../errors.js";
import type { CommandCall } from "./command.js";

/** Whether a command's own switch was given. */
export function isOn({ flags }: CommandCall, name: string): boolean {
  return flags[name] === true;
}

/** The text of a command's own flag; undefined without the flag. */
export function text({ flags }: CommandCall, name: string): string | undefined {
  const written = flags[name];
  return typeof written === "string" ? written : undefined;
}

/** The text of a flag that is declared as required. */
export function requiredText(call: CommandCall, name: string): string {
  const written = text(call, name);
  if (written !== undefined) return written;
  throw new PixcycleError("E_USAGE", `--${name} is required.`);
}

/** The value of a command's own flag as a number. */
export function number({ flags }: CommandCall, name: string, fallback: number): number {
  const written = flags[name];
  const value = written === undefined ? fallback : Number(written);
  if (Number.isFinite(value) && written !== "") return value;
  throw new PixcycleError("E_OPTION", `--${name} expects a number, got "${written}".`);
}

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
