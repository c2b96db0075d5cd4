/**
 * Every failure that a user can meet, by its stable code. The number is the exit status:
 * 1 something failed, 2 the command or its options are wrong.
 */
export const ERROR_CODES = {
  E_USAGE: 2,
  E_OPTION: 2,
  E_OPTION_CONFLICT: 2,
  E_DATA_MISSING: 1,
  E_DATA_EMPTY: 1,
  E_DATA_PAIR: 1,
  E_DATA_SIZE: 1,
  E_IMAGE_READ: 1,
  E_IMAGE_SIZE: 1,
  E_FILE_MISSING: 1,
  E_FILE_WRITE: 1,
  E_FILE_FORMAT: 1,
  E_DOWNLOAD: 1,
  E_CHECKSUM: 1,
  E_ARCHIVE: 1,
  E_CHECKPOINT_MISSING: 1,
  E_CHECKPOINT_CORRUPT: 1,
  E_CHECKPOINT_MISMATCH: 1,
  E_PICKLE_FORBIDDEN: 1,
  E_MEMORY: 1,
  E_SHAPE: 1,
  E_GRAPH: 1,
  E_DEVICE: 1,
  E_RUNTIME: 1,
  E_DIVERGED: 1,
  E_INTERNAL: 1,
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

/**
 * An error made for the person who reads it: what happened, where, and what to do next.
 * The command line prints `CODE: message hint` on one line and exits with `exitCode`.
 */
export class PixcycleError extends Error {
  override readonly name = "PixcycleError";
  readonly code: ErrorCode;
  /** The next step, as a sentence; printed after the message. */
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }

  get exitCode(): number {
    return ERROR_CODES[this.code];
  }

  /** One line: `E_DATA_PAIR: trainA/07.png has no partner in trainB. For unpaired folders use …` */
  toLine(): string {
    const text = this.hint === undefined ? this.message : `${this.message} ${this.hint}`;
    return `${this.code}: ${text}`;
  }
}

/** An error as plain data: classes do not survive the way between threads. */
export interface SentError {
  readonly message: string;
  readonly stack: string | undefined;
  /** Undefined for anything but a `PixcycleError`. */
  readonly code: ErrorCode | undefined;
  readonly hint: string | undefined;
}

/** An error, or whatever was thrown, to be sent to another thread. */
export function sendError(error: unknown): SentError {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const known = error instanceof PixcycleError ? error : undefined;
  return { message, stack, code: known?.code, hint: known?.hint };
}

/** The error that `sendError` took apart, with the stack of its own thread. */
export function restoreError({ message, stack, code, hint }: SentError): Error {
  const error = code
    ? new PixcycleError(code, message, hint === undefined ? {} : { hint })
    : new Error(message);
  if (stack !== undefined) error.stack = stack;
  return error;
}
