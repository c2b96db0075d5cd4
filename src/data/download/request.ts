import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { version } from "../../version.js";
import { connectionError, TransferError } from "./transfer-error.js";

export interface RequestLimits {
  /** Silence on the connection, before or during the answer, that ends it. */
  readonly silenceMs: number;
  readonly redirects: number;
}

const REDIRECTS = [301, 302, 303, 307, 308];
/** Answers that may be different a moment later. */
const TEMPORARY = [408, 425, 429, 500, 502, 503, 504];

/**
 * Sends a GET and follows redirects. The body is the bytes as the server has them: nothing is decompressed, since some
 * servers declare a `.tar.gz` as a compressed transfer.
 *
 * @returns an answer with status 200, 206 or 416, whose body is to be read or destroyed
 * @throws TransferError
 */
export async function get(
  address: string,
  headers: Readonly<Record<string, string>>,
  limits: RequestLimits,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const visited = new Set<string>();
  for (let url = new URL(address); ; ) {
    visited.add(url.href);
    const response = await send(url, headers, limits.silenceMs, signal);
    const status = response.statusCode ?? 0;
    if ([200, 206, 416].includes(status)) return response;
    response.destroy();
    const { location } = response.headers;
    if (!REDIRECTS.includes(status) || location === undefined) throw statusError(response);
    const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
    if (next === undefined || !isAllowed(url, next)) {
      throw new TransferError("final", `it redirects to "${location}", which is not followed`);
    }
    if (visited.has(next.href) || visited.size > limits.redirects) {
      throw new TransferError("final", `its redirects lead nowhere (${visited.size} followed)`);
    }
    url = next;
  }
}

/** An encrypted connection is never given up for an open one. */
function isAllowed(from: URL, to: URL): boolean {
  return to.protocol === "https:" || (to.protocol === "http:" && from.protocol === "http:");
}

function send(
  url: URL,
  headers: Readonly<Record<string, string>>,
  silenceMs: number,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const start = url.protocol === "https:" ? httpsRequest : httpRequest;
    const all = { "User-Agent": `pixcycle/${version}`, "Accept-Encoding": "identity", ...headers };
    const request = start(url, { headers: all, agent: false, timeout: silenceMs, signal });
    request.on("timeout", () => {
      request.destroy(new TransferError("retry", `it was silent for ${silenceMs / 1000} s`));
    });
    request.on("error", (error) => reject(signal.aborted ? error : connectionError(error)));
    request.on("response", resolve);
    request.end();
  });
}

function statusError(response: IncomingMessage): TransferError {
  const status = response.statusCode ?? 0;
  const text = `it answers ${status} ${response.statusMessage ?? ""}`.trim();
  if (!TEMPORARY.includes(status)) return new TransferError("final", text);
  const seconds = Number(response.headers["retry-after"]);
  const wait = Number.isFinite(seconds) && seconds >= 0 ? { retryAfterMs: seconds * 1000 } : {};
  return new TransferError("retry", text, wait);
}
