import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll } from "vitest";

/** Answers one request; `count` is 1 for the first of its path. */
export type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;

/** A server on this machine whose answers each test decides. */
export class FaultServer {
  private server: Server | undefined;
  private readonly handlers = new Map<string, Handler>();
  /** The Range header of every request of a path, in order. */
  readonly ranges = new Map<string, (string | undefined)[]>();

  start(): Promise<void> {
    this.server = createServer((request, response) => {
      const path = new URL(request.url ?? "/", "http://local").pathname;
      const seen = [...(this.ranges.get(path) ?? []), request.headers.range];
      this.ranges.set(path, seen);
      const handler = this.handlers.get(path);
      if (handler === undefined) response.writeHead(404).end("nothing here");
      else handler(request, response, seen.length);
    });
    return new Promise((resolve) => this.server!.listen(0, "127.0.0.1", resolve));
  }

  stop(): Promise<void> {
    this.server!.closeAllConnections();
    return new Promise((resolve) => this.server!.close(() => resolve()));
  }

  /** The address of a path, which `handler` answers from now on. */
  at(path: string, handler: Handler): string {
    this.handlers.set(path, handler);
    this.ranges.delete(path);
    return `http://127.0.0.1:${(this.server!.address() as AddressInfo).port}${path}`;
  }
}

/** A server that runs while the tests of a file do. */
export function faultServer(): FaultServer {
  const server = new FaultServer();
  beforeAll(() => server.start());
  afterAll(() => server.stop());
  return server;
}

export interface Serving {
  readonly etag?: string;
  /** Breaks the connection after this many bytes of the body. */
  readonly dropAfter?: number;
  /** Answers with the whole file whatever is asked for. */
  readonly ignoreRange?: boolean;
}

/** What an honest server does: ranges, and the whole file where the version is another than If-Range says. */
export function serveBytes(bytes: Buffer, { etag = '"v1"', dropAfter, ignoreRange }: Serving = {}): Handler {
  return (request, response) => {
    const asked = /^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1];
    const condition = request.headers["if-range"];
    const partial = asked !== undefined && ignoreRange !== true && (condition ?? etag) === etag;
    const from = partial ? Number(asked) : 0;
    const body = bytes.subarray(from);
    if (partial && from >= bytes.length) {
      response.writeHead(416, { "Content-Range": `bytes */${bytes.length}` }).end();
      return;
    }
    response.writeHead(partial ? 206 : 200, {
      ETag: etag,
      "Content-Length": body.length,
      ...(partial && { "Content-Range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` }),
    });
    if (dropAfter === undefined || dropAfter >= body.length) response.end(body);
    else response.write(body.subarray(0, dropAfter), () => setTimeout(() => response.destroy(), 20));
  };
}
