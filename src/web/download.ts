import { PixcycleError } from "../errors.js";

/** Told of bytes that have come; `total` is undefined where the server does not say it. */
export type Progress = (loaded: number, total: number | undefined) => void;

/** @throws PixcycleError E_DOWNLOAD with what the server said */
export async function download(url: URL, onProgress: Progress = () => undefined): Promise<Uint8Array> {
  const failed = (problem: string, cause?: unknown) =>
    new PixcycleError("E_DOWNLOAD", `${url.pathname} cannot be loaded: ${problem}.`, { cause });
  try {
    const response = await fetch(url);
    if (!response.ok) throw failed(`the server answers ${response.status}`);
    const length = response.headers.get("content-length");
    // Compressed on the way, the length is not that of the file.
    const total = length === null || response.headers.has("content-encoding") ? undefined : Number(length);
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    let loaded = 0;
    const reader = response.body!.getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      chunks.push(next.value);
      loaded += next.value.length;
      onProgress(loaded, total);
    }
    return new Uint8Array(await new Blob(chunks).arrayBuffer());
  } catch (error) {
    throw error instanceof PixcycleError ? error : failed(String(error), error);
  }
}
