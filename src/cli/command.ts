import type { OptionSources, ResolvedOptions } from "../options/resolve.js";
import type { OptionName } from "../options/schema.js";

/** A flag that one command has for itself, besides the options of the schema. */
export interface CommandFlag {
  /** The name without dashes, words joined by `_`. */
  readonly name: string;
  /** What help calls its value, such as `DIR`; a flag without one is a switch. */
  readonly value?: string;
  readonly summary: string;
  readonly required?: boolean;
}

/** What a person asked of a command. */
export interface CommandCall {
  /** Positional arguments. */
  readonly args: readonly string[];
  /** The command's own flags: text, or true for a switch. */
  readonly flags: Readonly<Record<string, string | boolean | undefined>>;
  /** The schema's options as they were written on the command line. */
  readonly given: Readonly<Record<string, unknown>>;
  /** What the command line and the file after `--config` say of options. */
  sources(): Promise<OptionSources>;
  /** Resolves the schema's options from presets, `--config` and flags; prints the warnings. */
  resolveOptions(): Promise<ResolvedOptions>;
}

/** Where a command writes: results to stdout, everything else to stderr. */
export interface CommandOutput {
  /** `--json`: results are for machines. */
  readonly json: boolean;
  /** Whether stderr is a terminal whose line may be rewritten. */
  readonly terminal: boolean;
  /** Whether colours may be used: a terminal, and no NO_COLOR. */
  readonly color: boolean;
  /** One line of the result, on stdout. */
  result(line: string): void;
  /** One line about the progress, on stderr. */
  note(line: string): void;
}

/** One command: a file in `commands/` exports it as `command`, and `registry.ts` has a line for it. */
export interface Command {
  /** Positional arguments in commander's notation: `<image...>`, `[path]`. */
  readonly arguments?: string;
  /** The options of the schema that it takes. */
  readonly options: readonly OptionName[];
  readonly flags?: readonly CommandFlag[];
  /** Lines that help shows as examples, without `pixcycle`. */
  readonly examples?: readonly string[];
  /** Does the work; may return an exit status other than 0. Failures are thrown as `PixcycleError`. */
  run(call: CommandCall, output: CommandOutput): Promise<number | undefined>;
}
