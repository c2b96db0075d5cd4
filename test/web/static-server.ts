import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json",
};

/** A plain static server for a folder, as any host would serve it. */
export class StaticServer {
  private constructor(
    private readonly server: Server,
    readonly origin: string,
    /** Paths that were asked for, in order. */
    readonly requests: readonly string[],
  ) {}

  /** @param isolated sends the headers that make pages cross-origin isolated */
  static async start(folder: string, { isolated = false } = {}): Promise<StaticServer> {
    const requests: string[] = [];
    const server = createServer(async (request, response) => {
      const path = decodeURIComponent(new URL(request.url ?? "/", "http://local").pathname);
      requests.push(path);
      const file = join(folder, normalize(path), path.endsWith("/") ? "index.html" : "");
      const content = await readFile(file).catch(() => undefined);
      response.setHeader("Content-Type", TYPES[extname(file)] ?? "application/octet-stream");
      if (isolated) {
        response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
        response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
      }
      if (content === undefined) response.writeHead(404).end("nothing here");
      else response.end(content);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new StaticServer(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests);
  }

  stop(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }
}
