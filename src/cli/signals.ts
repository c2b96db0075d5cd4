/** A request to stop that came from outside, and the exit status that it stands for. */
export interface Stop {
  readonly name: "SIGINT" | "SIGTERM";
  readonly status: number;
}

const STOPS: readonly Stop[] = [
  { name: "SIGINT", status: 130 },
  { name: "SIGTERM", status: 143 },
];

/**
 * Milliseconds in which a second signal is the first one again: `timeout`, and npx on Ctrl-C, pass on what the system
 * sends to the process by itself.
 */
const SAME_REQUEST = 1000;

/**
 * Runs work that can finish what it has begun: the first SIGINT or SIGTERM aborts the signal given to it, another one a
 * second later ends the process at once.
 * @param onStop told of the first one
 * @returns the work's result, and which signal came, if one did
 */
export async function withSignals<T>(
  onStop: (stop: Stop) => void,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<{ result: T; stop: Stop | undefined }> {
  const abort = new AbortController();
  let stop: Stop | undefined;
  let stoppedAt = 0;
  const listeners = STOPS.map((received) => () => {
    if (stop === undefined) {
      stop = received;
      stoppedAt = performance.now();
      onStop(received);
      abort.abort();
    } else if (performance.now() - stoppedAt > SAME_REQUEST) dieOf(received);
  });
  for (const [index, { name }] of STOPS.entries()) process.on(name, listeners[index]!);
  try {
    return { result: await work(abort.signal), stop };
  } finally {
    for (const [index, { name }] of STOPS.entries()) process.off(name, listeners[index]!);
  }
}

/**
 * Ends the process as if it did not listen to the signal; a shell calls that status 130 or 143. `process.exit` would let
 * the worker threads' JavaScript end first, and ONNX Runtime aborts a process when a run comes back to none.
 */
function dieOf({ name }: Stop): void {
  process.removeAllListeners(name);
  process.kill(process.pid, name);
}
