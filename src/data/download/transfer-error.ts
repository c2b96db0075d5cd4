/**
 * Why a transfer stopped. `retry`: what is on disk is good, and the rest may come; `restart`: what is on disk does not
 * belong to what the server has now; `final`: this address will not do.
 */
export class TransferError extends Error {
  constructor(
    readonly kind: "retry" | "restart" | "final",
    message: string,
    options: { cause?: unknown; retryAfterMs?: number } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.retryAfterMs = options.retryAfterMs;
  }

  /** How long the server asks to wait. */
  readonly retryAfterMs: number | undefined;
}

const PROBLEMS: Readonly<Record<string, readonly [kind: "retry" | "final", text: string]>> = {
  ENOTFOUND: ["final", "there is no such host, or no network"],
  EAI_AGAIN: ["retry", "the host's name cannot be looked up now"],
  ECONNREFUSED: ["retry", "the host refuses connections"],
  ECONNRESET: ["retry", "the connection broke"],
  EPIPE: ["retry", "the connection broke"],
  ETIMEDOUT: ["retry", "the connection timed out"],
  EHOSTUNREACH: ["retry", "the host cannot be reached"],
  ENETUNREACH: ["retry", "there is no network"],
};

/** A failure of the connection as a `TransferError`; certificates that do not hold are final. */
export function connectionError(cause: unknown): TransferError {
  if (cause instanceof TransferError) return cause;
  const { code = "", message } = cause as NodeJS.ErrnoException;
  const certificate = /^(CERT_|ERR_TLS|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/.test(code);
  if (certificate) return new TransferError("final", `its certificate is not valid (${code})`, { cause });
  const [kind, text] = PROBLEMS[code] ?? ["retry", message.replace(/\.$/, "")];
  return new TransferError(kind, text, { cause });
}
