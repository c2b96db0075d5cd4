import type { IncomingMessage } from "node:http";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { PixcycleError } from "../../errors.js";
import { fileWriteError } from "../../formats/atomic.js";
import { makeFolder } from "../../formats/make-folder.js";
import { PartialFile, type RemoteVersion } from "./partial.js";
import { get, type RequestLimits } from "./request.js";
import { ensureSpace, megabytes } from "./space.js";
import { connectionError, TransferError } from "./transfer-error.js";

export interface DownloadLimits extends RequestLimits {
  /** Transfers in a row that bring less than `progressBytes` before an address is given up. */
  readonly attempts: number;
  readonly progressBytes: number;
  /** Before the second attempt; doubled each time, up to 30 s. */
  readonly pauseMs: number;
  /** No file is larger. */
  readonly maxBytes: number;
  /** Bytes of what is on disk that a resumed transfer fetches again and compares. */
  readonly overlapBytes: number;
}

export const DOWNLOAD_LIMITS: DownloadLimits = {
  silenceMs: 30_000,
  redirects: 5,
  attempts: 5,
  progressBytes: 2 ** 18,
  pauseMs: 1000,
  maxBytes: 64 * 2 ** 30,
  overlapBytes: 2 ** 16,
};

const MAX_PAUSE_MS = 30_000;

export interface Download {
  /** Where the file can be had, in the order in which they are tried. */
  readonly addresses: readonly string[];
  readonly target: string;
  /** The known size. */
  readonly bytes?: number;
  /** Disk space needed in all, as a multiple of the file's size. */
  readonly spaceFactor: number;
  /** Looks into the whole file before it gets its name; an error means that this address has the wrong one. */
  verify(path: string): Promise<void>;
  onProgress(received: number, total: number | undefined): void;
  onNotice(line: string): void;
  readonly signal: AbortSignal;
  readonly limits: DownloadLimits;
}

/**
 * Fetches a file: continues what an earlier call left, tries again when a connection breaks, then the next address. The
 * target appears whole and verified, or not at all.
 *
 * @throws PixcycleError E_DOWNLOAD, what `verify` throws, E_FILE_WRITE
 */
export async function downloadFile(download: Download): Promise<void> {
  const { target } = download;
  const failures: { readonly address: string; readonly error: Error }[] = [];
  let kept = 0;
  try {
    await makeFolder(dirname(target));
    const partial = await PartialFile.open(target);
    try {
      for (const address of download.addresses) {
        try {
          await fetchFrom(address, partial, download);
          await verifyWhole(partial, download);
          await partial.finish(target);
          return;
        } catch (error) {
          const ofAddress = error instanceof TransferError || error instanceof WrongContent;
          if (!ofAddress) throw error;
          failures.push({ address, error });
          const next = failures.length < download.addresses.length ? "; trying the next address" : "";
          download.onNotice(`${address}: ${error.message.replace(/\.$/, "")}${next}`);
        }
      }
      kept = partial.size;
    } finally {
      await partial.close();
    }
  } catch (error) {
    if (error instanceof PixcycleError || download.signal.aborted) throw error;
    if (error instanceof Error && "syscall" in error) throw fileWriteError(target, error);
    throw error;
  }
  throw failureError(failures, kept);
}

/** The file came whole, and is not what it should be. */
class WrongContent extends Error {
  constructor(readonly reason: PixcycleError) {
    super(reason.message);
  }
}

async function verifyWhole(partial: PartialFile, download: Download): Promise<void> {
  try {
    await download.verify(partial.path);
  } catch (error) {
    if (!(error instanceof PixcycleError)) throw error;
    await partial.discard();
    throw new WrongContent(error);
  }
}

function failureError(failures: readonly { address: string; error: Error }[], kept: number): PixcycleError {
  const wrong = failures.map(({ error }) => error).find((error) => error instanceof WrongContent);
  if (wrong !== undefined) return wrong.reason;
  const reasons = failures.map(({ address, error }) => `${address}: ${error.message}`).join("; ");
  const again =
    kept > 0 ? `Run the command again to go on after the ${megabytes(kept)} that are kept, or` : "";
  return new PixcycleError("E_DOWNLOAD", `The download failed: ${reasons}.`, {
    hint: `${again} give another host with --mirror.`.trim().replace(/^g/, "G"),
    cause: failures[0]?.error,
  });
}

/** Repeats the transfer while it brings something, and for a few times when it does not. */
async function fetchFrom(address: string, partial: PartialFile, download: Download): Promise<void> {
  const { limits, signal, onNotice } = download;
  // The most that was ever on disk: a server that always breaks off at one place makes no progress.
  let most = partial.size;
  for (let fruitless = 0; ; ) {
    try {
      return await transfer(address, partial, download);
    } catch (error) {
      if (!(error instanceof TransferError) || error.kind === "final") throw error;
      fruitless = partial.size >= most + limits.progressBytes ? 0 : fruitless + 1;
      most = Math.max(most, partial.size);
      if (error.kind === "restart") await partial.discard();
      if (fruitless >= limits.attempts) throw new TransferError("final", error.message, { cause: error });
      const pause = Math.min(limits.pauseMs * 2 ** Math.max(0, fruitless - 1), MAX_PAUSE_MS);
      const wait = Math.min(Math.max(error.retryAfterMs ?? 0, pause), MAX_PAUSE_MS);
      onNotice(`${error.message}; trying again in ${(wait / 1000).toFixed(wait < 1000 ? 1 : 0)} s`);
      await sleep(wait, undefined, { signal });
    }
  }
}

/** One request: from the start, or from shortly before the end of what is on disk. */
async function transfer(address: string, partial: PartialFile, download: Download): Promise<void> {
  const { limits, signal } = download;
  const known = partial.version;
  const resumable = known?.address === address && known.validator !== undefined && partial.size > 0;
  const from = resumable ? Math.max(0, partial.size - limits.overlapBytes) : 0;
  const headers: Record<string, string> = resumable
    ? { Range: `bytes=${from}-`, "If-Range": known.validator! }
    : {};
  const response = await get(address, headers, limits, signal);
  try {
    if (response.statusCode === 200) {
      const version = versionOf(response, address);
      await checkSize(version.total, 0, download);
      await partial.begin(version);
    } else {
      checkRange(response, from, resumable ? known : undefined);
      await checkSize(known?.total, partial.size, download);
    }
    const overlap = response.statusCode === 206 ? await partial.tail(from) : new Uint8Array();
    await receive(response, partial, overlap, download);
  } finally {
    response.destroy();
  }
}

function versionOf(response: IncomingMessage, address: string): RemoteVersion {
  const { etag, "last-modified": modified, "content-length": length } = response.headers;
  const validator = etag !== undefined && !etag.startsWith("W/") ? etag : modified;
  return {
    address,
    ...(validator !== undefined && { validator }),
    ...(length !== undefined && { total: Number(length) }),
  };
}

/** A partial answer must be of the same version, and begin where it was asked to. */
function checkRange(response: IncomingMessage, from: number, known: RemoteVersion | undefined): void {
  const { etag, "content-range": range = "" } = response.headers;
  if (response.statusCode === 416) {
    throw new TransferError("restart", "the file there is shorter now than what is here");
  }
  if (known === undefined) throw new TransferError("final", "it answers with a part that nobody asked for");
  const [, start, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(range) ?? [];
  const sameEtag = etag === undefined || !known.validator?.startsWith('"') || etag === known.validator;
  const sameTotal = total === "*" || known.total === undefined || Number(total) === known.total;
  if (!sameEtag || !sameTotal) throw new TransferError("restart", "the file changed there meanwhile");
  if (Number(start) !== from) throw new TransferError("restart", `it answers with the wrong part (${range})`);
}

async function checkSize(total: number | undefined, here: number, download: Download): Promise<void> {
  const { bytes, limits, target, spaceFactor } = download;
  if (total === undefined) return;
  if (bytes !== undefined && total !== bytes) {
    throw new TransferError("final", `the file there has ${total} bytes, not ${bytes}`);
  }
  if (total > limits.maxBytes) throw new TransferError("final", `the file there claims ${megabytes(total)}`);
  await ensureSpace(dirname(target), total * spaceFactor - here, "This download");
}

/** Appends the body, after comparing its beginning with the end of what is on disk. */
async function receive(
  response: IncomingMessage,
  partial: PartialFile,
  overlap: Uint8Array,
  download: Download,
): Promise<void> {
  const total = partial.version?.total ?? download.bytes;
  const most = total ?? download.limits.maxBytes;
  let compared = 0;
  for await (const chunk of bodyOf(response, download.signal)) {
    const again = chunk.subarray(0, overlap.length - compared);
    if (!again.equals(overlap.subarray(compared, compared + again.length))) {
      throw new TransferError("restart", "its bytes differ from those that came before");
    }
    compared += again.length;
    const fresh = chunk.subarray(again.length);
    if (partial.size + fresh.length > most) throw new TransferError("restart", "it sends more than it said");
    await partial.append(fresh);
    download.onProgress(partial.size, total);
  }
  if (compared < overlap.length || (total !== undefined && partial.size < total)) {
    throw new TransferError("retry", `the connection ended after ${megabytes(partial.size)}`);
  }
}

/** The body's bytes; failures of the connection, and those alone, are `TransferError`s. */
async function* bodyOf(response: IncomingMessage, signal: AbortSignal): AsyncGenerator<Buffer> {
  const chunks = response[Symbol.asyncIterator]();
  try {
    for (;;) {
      const { done, value } = await chunks.next().catch((error: unknown) => {
        throw signal.aborted ? error : connectionError(error);
      });
      if (done) return;
      yield value as Buffer;
    }
  } finally {
    await chunks.return?.();
  }
}
