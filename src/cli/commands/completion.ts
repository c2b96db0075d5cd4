import { PixcycleError } from "../../errors.js";
import { allOptions } from "../../options/schema.js";
import { choicesOf } from "../../options/values.js";
import { flagsOf } from "../arguments.js";
import type { Command } from "../command.js";
import { registry } from "../registry.js";

interface CompletedFlag {
  readonly name: string;
  readonly summary: string;
  /** What may follow it; undefined where a file or free text may. */
  readonly choices: readonly string[] | undefined;
  readonly takesValue: boolean;
}

interface CompletedCommand {
  readonly name: string;
  readonly summary: string;
  readonly flags: readonly CompletedFlag[];
}

const shells: Record<string, (commands: readonly CompletedCommand[]) => string> = { bash, zsh, fish };

/** Prints a script that completes commands, flags and their values in a shell. */
export const command: Command = {
  arguments: "<shell>",
  options: [],
  examples: [
    'completion bash   # then: eval "$(pixcycle completion bash)" in ~/.bashrc',
    "completion zsh    # then: pixcycle completion zsh > a folder of $fpath, as _pixcycle",
    "completion fish   # then: pixcycle completion fish > ~/.config/fish/completions/pixcycle.fish",
  ],
  async run({ args }, output) {
    const shell = args[0] ?? "";
    const write = Object.hasOwn(shells, shell) ? shells[shell] : undefined;
    if (write === undefined) {
      throw new PixcycleError("E_USAGE", `There is no completion for "${shell}".`, {
        hint: `Choose one of ${Object.keys(shells).join(", ")}.`,
      });
    }
    output.result(write(await Promise.all(registry.map(describeCommand))));
    return 0;
  },
};

async function describeCommand({
  name,
  summary,
  load,
}: (typeof registry)[number]): Promise<CompletedCommand> {
  const { command } = await load();
  const ofSchema = command.options.map((option) => ({
    name: option,
    summary: allOptions[option].description ?? "",
    choices: choicesOf(option),
    takesValue: allOptions[option].type !== "boolean",
  }));
  const own = flagsOf(command).map((flag) => ({
    ...{ name: flag.name, summary: flag.summary, choices: undefined },
    takesValue: flag.value !== undefined,
  }));
  return { name, summary, flags: [...ofSchema, ...own] };
}

/** Every flag that has a list of choices, over all commands, once. */
function choiceFlags(commands: readonly CompletedCommand[]): Map<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  for (const { flags } of commands) {
    for (const { name, choices } of flags) if (choices !== undefined) found.set(name, choices);
  }
  return found;
}

function bash(commands: readonly CompletedCommand[]): string {
  const values = [...choiceFlags(commands)].map(
    ([name, choices]) =>
      `    --${name}) COMPREPLY=($(compgen -W "${choices.join(" ")}" -- "$word")); return ;;`,
  );
  const flags = commands.map(
    ({ name, flags }) => `    ${name}) words="${flags.map((flag) => `--${flag.name}`).join(" ")} --help" ;;`,
  );
  return [
    "_pixcycle() {",
    `  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" words`,
    "  COMPREPLY=()",
    '  case "$before" in',
    ...values,
    "  esac",
    `  case "\${COMP_WORDS[1]}" in`,
    ...flags,
    "  esac",
    "  if [ $COMP_CWORD -eq 1 ]; then",
    `    COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(" ")} --help --version" -- "$word"))`,
    '  elif [[ "$word" == -* ]]; then',
    '    COMPREPLY=($(compgen -W "$words" -- "$word"))',
    "  fi",
    "}",
    "complete -o default -F _pixcycle pixcycle",
  ].join("\n");
}

function zsh(commands: readonly CompletedCommand[]): string {
  const list = commands.map(({ name, summary }) => `    ${singleQuoted(`${name}:${summary}`)}`);
  const cases = commands.map(({ name, flags }) => {
    const specs = flags.map((flag) => `      ${singleQuoted(zshFlag(flag))}`);
    return [
      `    ${name}) _arguments \\`,
      ...specs.map((spec) => `${spec} \\`),
      "      '*:file:_files' ;;",
    ].join("\n");
  });
  return [
    "#compdef pixcycle",
    "_pixcycle() {",
    "  local -a commands",
    "  commands=(",
    ...list,
    "  )",
    "  if (( CURRENT == 2 )); then _describe command commands; return; fi",
    "  local name=$words[2]",
    "  shift words; (( CURRENT-- ))",
    "  case $name in",
    ...cases,
    "  esac",
    "}",
    'if [ "$funcstack[1]" = _pixcycle ]; then _pixcycle "$@"; else compdef _pixcycle pixcycle; fi',
  ].join("\n");
}

function zshFlag({ name, summary, choices, takesValue }: CompletedFlag): string {
  const text = summary.replaceAll(/([[\]:\\])/g, "\\$1");
  if (!takesValue) return `--${name}[${text}]`;
  return `--${name}[${text}]:${name}:${choices === undefined ? "_files" : `(${choices.join(" ")})`}`;
}

function fish(commands: readonly CompletedCommand[]): string {
  const lines = ["complete -c pixcycle -n __fish_use_subcommand -f"];
  for (const { name, summary, flags } of commands) {
    lines.push(`complete -c pixcycle -n __fish_use_subcommand -f -a ${name} -d ${singleQuoted(summary)}`);
    for (const flag of flags) {
      const value = flag.choices === undefined ? " -r" : ` -x -a ${singleQuoted(flag.choices.join(" "))}`;
      lines.push(
        `complete -c pixcycle -n '__fish_seen_subcommand_from ${name}' -l ${flag.name}` +
          `${flag.takesValue ? value : ""} -d ${singleQuoted(flag.summary)}`,
      );
    }
  }
  return lines.join("\n");
}

function singleQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
