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
 * Runs work that can finish what it has begun: the first SIGINT or SIGTERM aborts the signal given to it, the
 * second ends the process at once.
 * @param onStop told of the first one
 * @returns the work's result, and which signal came, if one did
 */
export async function withSignals<T>(
  onStop: (stop: Stop) => void,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<{ result: T; stop: Stop | undefined }> {
  const abort = new AbortController();
  let stop: Stop | undefined;
  const listeners = STOPS.map((received) => () => {
    if (stop !== undefined) process.exit(received.status);
    stop = received;
    onStop(received);
    abort.abort();
  });
  for (const [index, { name }] of STOPS.entries()) process.on(name, listeners[index]!);
  try {
    return { result: await work(abort.signal), stop };
  } finally {
    for (const [index, { name }] of STOPS.entries()) process.off(name, listeners[index]!);
  }
}
