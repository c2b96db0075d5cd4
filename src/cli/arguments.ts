import { type Command as Commander, Option } from "commander";
import { isSwitch, lookUpOption, otherSpellings } from "../options/names.js";
import { allOptions, type OptionName, optionGroups } from "../options/schema.js";
import { choicesOf } from "../options/values.js";
import type { Command, CommandFlag } from "./command.js";

/** Flags that every command has. */
export const generalFlags: readonly CommandFlag[] = [
  { name: "config", value: "FILE", summary: "read options from a JSON file" },
  { name: "json", summary: "print results as JSON" },
  { name: "debug", summary: "print the stack of an error" },
  { name: "no_color", summary: "print without colours (as NO_COLOR does)" },
];

/** Flags of one command: its own and the general ones; `--config` only where there are options to read. */
export function flagsOf(command: Command): readonly CommandFlag[] {
  const general = generalFlags.filter(({ name }) => name !== "config" || command.options.length > 0);
  return [...(command.flags ?? []), ...general];
}

/** Writes every long flag's name with `_`, so that `--load-size=64` and `--load_size=64` are the same. */
export function joinWords(argv: readonly string[]): string[] {
  const end = argv.indexOf("--");
  return argv.map((token, index) => {
    if (!token.startsWith("--") || (end !== -1 && index >= end)) return token;
    const [name = "", ...value] = token.slice(2).split("=");
    return `--${[name.replaceAll("-", "_"), ...value].join("=")}`;
  });
}

/** Gives commander the flags, groups and examples of a command. */
export function describe(target: Commander, command: Command): void {
  if (command.arguments !== undefined) target.arguments(command.arguments);
  for (const flag of command.flags ?? []) target.addOption(flagOption(flag));
  for (const group of optionGroups) {
    for (const name of Object.keys(group.options) as OptionName[]) {
      if (command.options.includes(name)) target.addOption(schemaOption(name).helpGroup(`${group.title}:`));
    }
  }
  for (const option of hiddenOptions(command)) target.addOption(option.hideHelp());
  for (const flag of flagsOf(command).filter(({ name }) =>
    generalFlags.some((other) => other.name === name),
  )) {
    target.addOption(flagOption(flag).helpGroup("General:"));
  }
  target.addHelpOption(new Option("-h, --help", "print this help").helpGroup("General:"));
  if (command.examples !== undefined) {
    const lines = command.examples.flatMap(exampleLines);
    target.addHelpText("after", `\nExamples:\n${lines.join("\n")}`);
  }
}

/** A line of an example, below one with its comment if it has one: both on one would not fit a terminal. */
function exampleLines(example: string): string[] {
  const [words = "", comment] = example.split(/\s+# /);
  return [...(comment === undefined ? [] : [`  # ${comment}`]), `  pixcycle ${words}`];
}

function flagOption({ name, value, summary, required }: CommandFlag): Option {
  const option = new Option(value === undefined ? `--${name}` : `--${name} <${value}>`, summary);
  return option.makeOptionMandatory(required === true);
}

function schemaOption(name: OptionName): Option {
  const summary = allOptions[name].description ?? "";
  if (isSwitch(name)) return new Option(`--${name}`, summary);
  const choices = choicesOf(name);
  if (choices !== undefined) return new Option(`--${name} <choice>`, `${summary}: ${choices.join(", ")}`);
  return new Option(`--${name} <${allOptions[name].type === "number" ? "n" : "text"}>`, summary);
}

/** Aliases, negations and the reference's options without a meaning here, for a command that takes options. */
function hiddenOptions(command: Command): Option[] {
  if (command.options.length === 0) return [];
  return otherSpellings.flatMap((spelling) => {
    const found = lookUpOption(spelling);
    if (found.kind === "unknown") return [];
    if (found.kind === "ignored") return new Option(found.takesValue ? `--${spelling} <v>` : `--${spelling}`);
    if (!command.options.includes(found.name)) return [];
    return new Option(found.negated ? `--${spelling}` : `--${spelling} <v>`);
  });
}
