import { PixcycleError } from "../errors.js";
import type { ProgressSink } from "../training/progress.js";
import type { CommandOutput } from "./command.js";

/** The command's output on this process's streams. */
export function processOutput(flags: { json: boolean; noColor: boolean }): CommandOutput {
  const terminal = process.stderr.isTTY === true && process.env.TERM !== "dumb";
  const color = terminal && !flags.noColor && (process.env.NO_COLOR ?? "") === "";
  return {
    json: flags.json,
    terminal,
    color,
    result: (line) => process.stdout.write(`${line}\n`),
    note: (line) => process.stderr.write(`${line}\n`),
  };
}

/** Where a progress line goes: stderr. */
export function progressSink({ terminal }: CommandOutput): ProgressSink {
  return {
    terminal,
    columns: process.stderr.columns ?? 80,
    write: (text) => process.stderr.write(text),
  };
}

/**
 * Prints an error as one coded line on stderr (with the stack under `--debug`).
 * @returns the exit status it stands for
 */
export function reportError(error: unknown, debug: boolean): number {
  const known = error instanceof PixcycleError ? error : internalError(error);
  process.stderr.write(`${known.toLine().replaceAll(/\s*\n\s*/g, " ")}\n`);
  if (debug) {
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
      process.stderr.write(`${cause.stack ?? cause.message}\n`);
    }
  }
  return known.exitCode;
}

function internalError(cause: unknown): PixcycleError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new PixcycleError("E_INTERNAL", message.endsWith(".") ? message : `${message}.`, {
    hint: "This is a fault of pixcycle: please report it with the output of --debug.",
    cause,
  });
}

/** Ends the process once everything written has left it; worker threads that still run do not hold it up. */
export async function exit(status: number): Promise<never> {
  for (const stream of [process.stdout, process.stderr]) {
    await new Promise<void>((resolve) => stream.write("", () => resolve()));
  }
  process.exit(status);
}
