import { Command as Commander, CommanderError } from "commander";
import { PixcycleError } from "../errors.js";
import { readConfigFile } from "../options/config-file.js";
import { nearest } from "../options/names.js";
import { type OptionSources, resolveOptions, unknownOption } from "../options/resolve.js";
import { version } from "../version.js";
import { describe, flagsOf, joinWords } from "./arguments.js";
import type { Command, CommandCall, CommandOutput } from "./command.js";
import { exit, processOutput, reportError } from "./output.js";
import { registry } from "./registry.js";

/** Runs one command line (without `node` and the script). Returns the exit status. */
async function main(argv: readonly string[]): Promise<number> {
  const tokens = joinWords(argv[0] === "help" ? [...argv.slice(1), "--help"] : argv);
  const debug = tokens.includes("--debug");
  try {
    return await runTokens(tokens);
  } catch (error) {
    return reportError(error, debug);
  }
}

async function runTokens(tokens: readonly string[]): Promise<number> {
  const named = tokens.find((token) => !token.startsWith("-"));
  const entry = registry.find(({ name }) => name === named);
  const command = entry === undefined ? undefined : (await entry.load()).command;
  let status = 0;

  const program = newProgram();
  for (const { name, summary } of registry) {
    const target = program.command(name).description(summary).exitOverride();
    if (entry?.name !== name || command === undefined) continue;
    describe(target, command);
    target.action(async () => {
      status = (await runCommand(command, target.args, target.opts())) ?? 0;
    });
  }

  try {
    await program.parseAsync(tokens.length === 0 ? ["--help"] : tokens, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode !== 0) throw usageError(error, entry?.name, command);
  }
  return status;
}

function newProgram(): Commander {
  return new Commander("pixcycle")
    .description("Image-to-image translation: pix2pix and CycleGAN, trained and run in Node.")
    .version(version, "-V, --version", "print the version")
    .helpCommand(false)
    .exitOverride()
    .configureOutput({ writeErr: () => undefined })
    .addHelpText("after", "\nOptions of a command: pixcycle train --help");
}

type Written = Record<string, string | boolean | undefined>;

async function runCommand(command: Command, args: readonly string[], written: Written) {
  const own = new Set(flagsOf(command).map(({ name }) => name));
  const split = (mine: boolean) =>
    Object.fromEntries(Object.entries(written).filter(([name]) => own.has(name) === mine));
  const flags = split(true) as Written;
  const output = processOutput({ json: flags.json === true, noColor: flags.no_color === true });
  return command.run(commandCall(args, flags, split(false), output), output);
}

function commandCall(
  args: readonly string[],
  flags: Written,
  given: Readonly<Record<string, unknown>>,
  output: CommandOutput,
): CommandCall {
  const sources = async (): Promise<OptionSources> =>
    typeof flags.config === "string"
      ? { flags: given, file: await readConfigFile(flags.config) }
      : { flags: given };
  return {
    args,
    flags,
    given,
    sources,
    async resolveOptions() {
      const resolved = resolveOptions(await sources());
      for (const warning of resolved.warnings) output.note(`warning: ${warning}`);
      return resolved;
    },
  };
}

/** Commander's complaint as a coded error with the nearest name. */
function usageError(error: CommanderError, name: string | undefined, command: Command | undefined) {
  const quoted = /'([^']*)'/.exec(error.message)?.[1] ?? "";
  if (error.code === "commander.unknownOption") {
    const known =
      command === undefined ? [] : [...command.options, ...flagsOf(command).map((flag) => flag.name)];
    const suggestion = nearest(quoted.replace(/^-+/, "").split("=")[0] ?? "", known);
    return unknownOption(quoted, suggestion);
  }
  if (error.code === "commander.unknownCommand" || name === undefined) {
    const suggestion = nearest(
      quoted,
      registry.map((entry) => entry.name),
    );
    const hint = suggestion === undefined ? "See pixcycle --help." : `Did you mean ${suggestion}?`;
    return new PixcycleError("E_USAGE", `There is no command "${quoted}".`, { hint });
  }
  const plain = error.message.replace(/^error: /, "").replace(/\.?$/, ".");
  const message = plain.charAt(0).toUpperCase() + plain.slice(1);
  return new PixcycleError("E_USAGE", message, { hint: `See pixcycle ${name} --help.` });
}

// Where a reader has gone, such as `head`, the work goes on: what it writes are files.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}
await exit(await main(process.argv.slice(2)));
