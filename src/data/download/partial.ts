import { constants } from "node:fs";
import { type FileHandle, open, readFile, rename, rm } from "node:fs/promises";
import { writeFileAtomic } from "../../formats/atomic.js";

/** What identifies the version of a file on a server. */
export interface RemoteVersion {
  readonly address: string;
  /** The strong ETag, or else the date of its last change. */
  readonly validator?: string;
  /** Whole size in bytes. */
  readonly total?: number;
}

/**
 * A file that is being fetched: `TARGET.part` holds its bytes from the start, `TARGET.part.json` which version of the
 * file they are. Both stay when a transfer breaks off, so that the next one goes on.
 */
export class PartialFile {
  private constructor(
    readonly path: string,
    private readonly handle: FileHandle,
    /** Bytes on disk. */
    public size: number,
    public version: RemoteVersion | undefined,
  ) {}

  static async open(target: string): Promise<PartialFile> {
    const path = `${target}.part`;
    const handle = await open(path, constants.O_RDWR | constants.O_CREAT, 0o644);
    try {
      const { size } = await handle.stat();
      return new PartialFile(path, handle, size, await readVersion(path));
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Begins from nothing. */
  async begin(version: RemoteVersion): Promise<void> {
    await this.discard();
    await writeFileAtomic(`${this.path}.json`, `${JSON.stringify(version)}\n`);
    this.version = version;
  }

  async discard(): Promise<void> {
    await this.handle.truncate(0);
    await rm(`${this.path}.json`, { force: true });
    this.size = 0;
    this.version = undefined;
  }

  async append(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.handle.write(bytes, done, bytes.length - done, this.size);
      done += bytesWritten;
      this.size += bytesWritten;
    }
  }

  /** The bytes from `offset` to the end. */
  async tail(offset: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(this.size - offset);
    const { bytesRead } = await this.handle.read(bytes, 0, bytes.length, offset);
    return bytes.subarray(0, bytesRead);
  }

  /** Gives the whole file its name. */
  async finish(target: string): Promise<void> {
    await this.handle.sync();
    await rename(this.path, target);
    await rm(`${this.path}.json`, { force: true });
  }

  /** Removes it where nothing is worth keeping. */
  async close(): Promise<void> {
    await this.handle.close();
    if (this.size > 0) return;
    for (const path of [this.path, `${this.path}.json`]) await rm(path, { force: true });
  }
}

async function readVersion(path: string): Promise<RemoteVersion | undefined> {
  try {
    const { address, validator, total } = JSON.parse(await readFile(`${path}.json`, "utf8"));
    if (typeof address !== "string") return undefined;
    return {
      address,
      ...(typeof validator === "string" && { validator }),
      ...(typeof total === "number" && { total }),
    };
  } catch {
    return undefined; // Without it the bytes are of unknown origin, and are fetched again.
  }
}
