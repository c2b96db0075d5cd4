import { PixcycleError } from "../../errors.js";
import { lookUpOption, nearest } from "../../options/names.js";
import { generalFlags } from "../arguments.js";
import type { Command, CommandCall, CommandOutput } from "../command.js";
import { withSignals } from "../signals.js";

/** One of the things that a command with actions can do: `pixcycle data check DIR`. */
export interface Action {
  /** What follows its name, for messages: `DIR`. */
  readonly arguments: readonly string[];
  /** The flags that mean something to it. */
  readonly flags: readonly string[];
  run(call: CommandCall, output: CommandOutput, signal: AbortSignal): Promise<number | undefined>;
}

/**
 * The `run` of a command whose first argument names what to do. Ctrl-C ends the action cleanly: nothing half written
 * is left, and a download goes on from there the next time.
 *
 * @throws PixcycleError E_USAGE for an unknown action, too few or too many arguments, or a flag of another action
 */
export function runActions(command: string, actions: Readonly<Record<string, Action>>): Command["run"] {
  return async (call, output) => {
    const [name = "", ...rest] = call.args;
    const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
    if (action === undefined) {
      const suggestion = nearest(name, Object.keys(actions));
      throw new PixcycleError("E_USAGE", `pixcycle ${command} cannot "${name}".`, {
        hint: suggestion
          ? `Did you mean ${suggestion}?`
          : `It can ${Object.keys(actions).join(", ")}; see pixcycle ${command} --help.`,
      });
    }
    const required = action.arguments.filter((argument) => !argument.startsWith("[")).length;
    if (rest.length < required || rest.length > action.arguments.length) {
      throw new PixcycleError("E_USAGE", `pixcycle ${command} ${name} takes ${action.arguments.join(" ")}.`, {
        hint: `See pixcycle ${command} --help.`,
      });
    }
    const strange = givenFlags(call).find((flag) => !action.flags.includes(flag));
    if (strange !== undefined) {
      throw new PixcycleError("E_USAGE", `--${strange} is not for pixcycle ${command} ${name}.`, {
        hint: `It takes ${action.flags.map((flag) => `--${flag}`).join(", ") || "no options"}.`,
      });
    }
    let aborted = false;
    const { result, stop } = await withSignals(
      () => output.note("stopping; once more ends at once"),
      (signal) =>
        action.run(call, output, signal).catch((error: unknown) => {
          if (!signal.aborted) throw error;
          aborted = true;
          return undefined;
        }),
    );
    if (aborted) output.note("stopped; the same command does it again, or goes on");
    return aborted ? stop?.status : result;
  };
}

/** The flags and options that were written, options by their own names; without those that mean something anywhere. */
function givenFlags({ flags, given }: CommandCall): string[] {
  const general = new Set(generalFlags.map(({ name }) => name).filter((name) => name !== "config"));
  const own = Object.keys(flags).filter((name) => flags[name] !== undefined && !general.has(name));
  const options = Object.keys(given).flatMap((written) => {
    const found = lookUpOption(written);
    return found.kind === "option" ? found.name : [];
  });
  return [...own, ...options];
}
