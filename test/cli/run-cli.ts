import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const script = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

export interface CliResult {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliRun {
  readonly process: ChildProcess;
  readonly result: Promise<CliResult>;
}

/** Starts the built command line. `prefix`: a shell command run before it in the same shell, such as a ulimit. */
export function startCli(args: readonly string[], options: { cwd?: string; prefix?: string } = {}): CliRun {
  const [file, ...rest] = options.prefix
    ? ["bash", "-c", `${options.prefix}; exec "$@"`, "bash", process.execPath, script, ...args]
    : [process.execPath, script, ...args];
  const child = spawn(file!, rest, { cwd: options.cwd, stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const result = new Promise<CliResult>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status, signal) => resolve({ status, signal, stdout, stderr }));
  });
  return { process: child, result };
}

/** Runs the built command line to its end. */
export function runCli(
  args: readonly string[],
  options: { cwd?: string; prefix?: string } = {},
): Promise<CliResult> {
  return startCli(args, options).result;
}
