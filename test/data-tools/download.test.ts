import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DOWNLOAD_LIMITS, type Download, downloadFile } from "../../src/data/download/download.js";
import { PixcycleError } from "../../src/errors.js";
import { failure, temporaryFolder } from "../data/files.js";
import { faultServer, type Handler, serveBytes } from "./fault-server.js";

const server = faultServer();
const root = temporaryFolder("download");
const bytes = randomBytes(1_000_000);
let folders = 0;

interface Attempt {
  readonly result: Promise<void>;
  readonly target: string;
  readonly notices: string[];
}

/** Starts a download into a folder of its own, or into `target` again. */
function start(addresses: string | string[], changes: Partial<Download> = {}): Attempt {
  const target = changes.target ?? join(root, String(folders++), "set.zip");
  const notices: string[] = [];
  const result = downloadFile({
    addresses: [addresses].flat(),
    spaceFactor: 1,
    verify: async () => undefined,
    onProgress: () => undefined,
    onNotice: (line) => notices.push(line),
    signal: new AbortController().signal,
    limits: {
      ...DOWNLOAD_LIMITS,
      silenceMs: 300,
      attempts: 3,
      progressBytes: 100_000,
      pauseMs: 1,
      overlapBytes: 1000,
    },
    ...changes,
    target,
  });
  return { result, target, notices };
}

/** Both files of a transfer that broke off are there, or neither. */
function parts(target: string): string[] {
  return readdirSync(join(target, "..")).sort();
}

const first = (handler: Handler, then: Handler): Handler => {
  return (request, response, count) => (count === 1 ? handler : then)(request, response, count);
};

describe("a download that comes through", () => {
  it("is whole, alone in its folder, and told of on the way", async () => {
    const seen: number[] = [];
    const onProgress = (received: number, total: number | undefined) => {
      expect(total).toBe(bytes.length);
      seen.push(received);
    };
    const { result, target } = start(server.at("/plain", serveBytes(bytes)), { onProgress });
    await result;
    expect(readFileSync(target).equals(bytes)).toBe(true);
    expect(parts(target)).toEqual(["set.zip"]);
    expect(seen.at(-1)).toBe(bytes.length);
  });

  it("goes on where the connection dropped, every time", async () => {
    const { result, target, notices } = start(server.at("/drops", serveBytes(bytes, { dropAfter: 300_000 })));
    await result;
    expect(readFileSync(target).equals(bytes)).toBe(true);
    const ranges = server.ranges.get("/drops")!;
    expect(ranges.length).toBeGreaterThanOrEqual(4);
    expect(ranges[0]).toBeUndefined();
    // A kilobyte is fetched twice, to be compared.
    expect(ranges.slice(1).every((range) => /^bytes=\d+-$/.test(range ?? ""))).toBe(true);
    expect(notices[0]).toMatch(/connection broke.*trying again/);
  });

  it("goes on after the process has ended", async () => {
    const dead = start(server.at("/later", serveBytes(bytes, { dropAfter: 400_000 })), {
      limits: { ...DOWNLOAD_LIMITS, attempts: 1, progressBytes: 1e9 },
    });
    const error = await failure(dead.result);
    expect(error.toLine()).toMatch(/^E_DOWNLOAD: .*connection broke.* after the \d{3}\.\d kB that are kept/);
    expect(parts(dead.target)).toEqual(["set.zip.part", "set.zip.part.json"]);
    // A connection that is cut may lose what was on its way.
    const kept = statSync(`${dead.target}.part`).size;
    await start(server.at("/later", serveBytes(bytes)), { target: dead.target }).result;
    expect(server.ranges.get("/later")).toEqual([`bytes=${kept - 1000}-`]);
    expect(readFileSync(dead.target).equals(bytes)).toBe(true);
    expect(parts(dead.target)).toEqual(["set.zip"]);
  });

  it("waits as long as a busy server asks for", async () => {
    const busy: Handler = (_, response) => void response.writeHead(503, { "Retry-After": "1" }).end();
    const began = performance.now();
    const { result, target, notices } = start(server.at("/busy", first(busy, serveBytes(bytes))));
    await result;
    expect(performance.now() - began).toBeGreaterThan(990);
    expect(notices).toEqual([expect.stringMatching(/answers 503 .*; trying again in 1 s$/)]);
    expect(readFileSync(target).equals(bytes)).toBe(true);
  });

  it("follows redirects", async () => {
    server.at("/real", serveBytes(bytes));
    const { result, target } = start(
      server.at("/moved", (_, response) => response.writeHead(302, { Location: "/real" }).end()),
    );
    await result;
    expect(readFileSync(target).equals(bytes)).toBe(true);
  });

  it("takes a body without a length", async () => {
    const { result, target } = start(server.at("/chunked", (_, response) => void response.end(bytes)));
    await result;
    expect(readFileSync(target).equals(bytes)).toBe(true);
  });

  it("keeps bytes as they are where a server calls a gzip file a compressed transfer", async () => {
    const handler: Handler = (_, response) =>
      void response.writeHead(200, { "Content-Encoding": "x-gzip" }).end(bytes);
    const { result, target } = start(server.at("/encoded", handler));
    await result;
    expect(readFileSync(target).equals(bytes)).toBe(true);
  });
});

describe("a server that changes its mind", () => {
  const other = randomBytes(1_000_000);

  it.each([
    ["the file has a new ETag", serveBytes(other, { etag: '"v2"' })],
    ["Range is ignored", serveBytes(other, { ignoreRange: true })],
    [
      "the part is of another version",
      first(
        (request, response) => serveBytes(other, { etag: '"v2"' })(withoutCondition(request), response, 1),
        serveBytes(other, { etag: '"v2"' }),
      ),
    ],
    ["the bytes are others under the same ETag", serveBytes(other)],
    [
      "the part begins elsewhere",
      first(
        (_, response) =>
          void response.writeHead(206, { "Content-Range": "bytes 0-999999/1000000" }).end(other),
        serveBytes(other),
      ),
    ],
    ["the file is shorter now", serveBytes(other.subarray(0, 100_000))],
  ])("where %s, it begins anew", async (_, handler) => {
    const begun = start(server.at("/changes", serveBytes(bytes, { dropAfter: 400_000 })), {
      limits: { ...DOWNLOAD_LIMITS, attempts: 1, progressBytes: 1e9 },
    });
    await failure(begun.result);
    await start(server.at("/changes", handler), { target: begun.target }).result;
    const now = readFileSync(begun.target);
    expect(now.equals(other.subarray(0, now.length))).toBe(true);
    expect(now.length).toBeGreaterThanOrEqual(100_000);
  });

  it("without ETag or date, nothing is continued", async () => {
    const bare: Handler = (_, response, count) => {
      response.writeHead(200, { "Content-Length": bytes.length });
      if (count > 1) response.end(bytes);
      else response.write(bytes.subarray(0, 300_000), () => setTimeout(() => response.destroy(), 20));
    };
    const { result, target } = start(server.at("/bare", bare));
    await result;
    expect(server.ranges.get("/bare")).toEqual([undefined, undefined]);
    expect(readFileSync(target).equals(bytes)).toBe(true);
  });
});

/** The request as a server sees it that does not know If-Range. */
function withoutCondition<T extends { headers: object }>(request: T): T {
  return Object.assign(Object.create(request), { headers: { ...request.headers, "if-range": undefined } });
}

describe("a download that cannot succeed ends, soon, in one line", () => {
  const lying: Handler = (_, response) => {
    response.writeHead(200, { ETag: '"v1"', "Content-Length": bytes.length * 2 });
    response.write(bytes, () => setTimeout(() => response.destroy(), 20));
  };

  it.each<[string, Handler, RegExp, number]>([
    ["404", (_, response) => void response.writeHead(404).end(), /answers 404 Not Found/, 1],
    ["403", (_, response) => void response.writeHead(403).end(), /answers 403 Forbidden/, 1],
    ["503", (_, response) => void response.writeHead(503).end(), /answers 503/, 3],
    ["silence before the answer", () => undefined, /silent for 0.3 s/, 3],
    [
      "silence within the body",
      (_, response) => void response.writeHead(200, { "Content-Length": 500 }).write("abc"),
      /silent for 0.3 s|connection broke/,
      3,
    ],
    [
      "a redirect to itself",
      (_, response) => void response.writeHead(302, { Location: "/fault" }).end(),
      /redirects lead nowhere/,
      1,
    ],
    [
      "ever new redirects",
      (_, response, count) => void response.writeHead(302, { Location: `/fault?${count}` }).end(),
      /redirects lead nowhere \(6 followed\)/,
      6,
    ],
    [
      "a redirect to a file",
      (_, response) => void response.writeHead(302, { Location: "file:///etc/passwd" }).end(),
      /redirects to "file:/,
      1,
    ],
    [
      "a file of a petabyte",
      (_, response) => void response.writeHead(200, { "Content-Length": 1e15 }).write("x"),
      /claims 1000000.00 GB/,
      1,
    ],
    [
      "a part that nobody asked for",
      (_, response) => void response.writeHead(206).end("abc"),
      /nobody asked/,
      1,
    ],
    ["no HTTP at all", (_, response) => void response.socket!.end("SSH-2.0-x\r\n"), /Parse Error|broke/, 3],
  ])("%s", async (_, handler, message, requests) => {
    const { result, target } = start(server.at("/fault", handler));
    const error = await failure(result);
    expect(error.code).toBe("E_DOWNLOAD");
    expect(error.message).toMatch(message);
    expect(error.hint).toContain("--mirror");
    expect(server.ranges.get("/fault")).toHaveLength(requests);
    expect(existsSync(target)).toBe(false);
  });

  it("a body shorter than its length, always", async () => {
    const { result, target } = start(server.at("/short", lying));
    expect((await failure(result)).message).toMatch(/connection/);
    expect(existsSync(target)).toBe(false);
  });

  it("a server that breaks off at the same place and knows no ranges", async () => {
    const handler = serveBytes(bytes, { dropAfter: 600_000, ignoreRange: true });
    const { result } = start(server.at("/wall", handler));
    expect((await failure(result)).code).toBe("E_DOWNLOAD");
    expect(server.ranges.get("/wall")!.length).toBeLessThanOrEqual(4);
  });

  it("a part that goes on after its end", async () => {
    const begun = start(server.at("/more", serveBytes(bytes, { dropAfter: 400_000 })), {
      limits: { ...DOWNLOAD_LIMITS, attempts: 1, progressBytes: 1e9 },
    });
    await failure(begun.result);
    const endless: Handler = (request, response) => {
      const from = Number(/\d+/.exec(request.headers.range ?? "0")![0]);
      if (request.headers.range === undefined) return void response.writeHead(404).end();
      response.writeHead(206, { ETag: '"v1"', "Content-Range": `bytes ${from}-999999/1000000` });
      response.end(Buffer.concat([bytes.subarray(from), Buffer.alloc(5000)]));
    };
    const error = await failure(start(server.at("/more", endless), { target: begun.target }).result);
    expect(error.code).toBe("E_DOWNLOAD");
    expect(existsSync(begun.target)).toBe(false);
  });

  it("a size that is known to be another", async () => {
    const { result } = start(server.at("/size", serveBytes(bytes)), { bytes: 1_000_001 });
    expect((await failure(result)).message).toContain("the file there has 1000000 bytes, not 1000001");
  });

  it("a port where nobody listens, and a host that does not exist", async () => {
    const refused = await failure(start("http://127.0.0.1:1/x").result);
    expect(refused.message).toMatch(/refuses connections/);
    const unknown = await failure(start("http://no-such-host.invalid/x").result);
    expect(unknown.message).toMatch(/no such host|cannot be looked up/);
  });

  it("a disk that is too small: before the first byte", async () => {
    const { result, target } = start(server.at("/large", serveBytes(bytes)), { spaceFactor: 1e12 });
    const error = await failure(result);
    expect(error.toLine()).toMatch(/^E_FILE_WRITE: This download needs .* free\. Free some space/);
    expect(parts(target)).toEqual([]);
  });

  it("a place that is a file", async () => {
    const place = join(root, "a-file");
    writeFileSync(place, "");
    const { result } = start(server.at("/place", serveBytes(bytes)), { target: join(place, "set.zip") });
    expect((await failure(result)).code).toBe("E_FILE_WRITE");
  });
});

describe("several addresses", () => {
  it("are tried in order, and what is wrong with one is said", async () => {
    const gone = server.at("/gone", (_, response) => void response.writeHead(410).end());
    const wrong = server.at("/wrong", serveBytes(Buffer.from("<html>log in first</html>")));
    const right = server.at("/right", serveBytes(bytes));
    const verify = async (path: string) => {
      if (readFileSync(path).length < 1000) throw new PixcycleError("E_ARCHIVE", "It is a page.");
    };
    const { result, target, notices } = start([gone, wrong, right], { verify });
    await result;
    expect(readFileSync(target).equals(bytes)).toBe(true);
    expect(notices).toEqual([
      `${gone}: it answers 410 Gone; trying the next address`,
      `${wrong}: It is a page; trying the next address`,
    ]);
  });

  it("that all have the wrong file give the reason, and keep nothing", async () => {
    const verify = async () => {
      throw new PixcycleError("E_CHECKSUM", "It is another file.");
    };
    const { result, target } = start(server.at("/wrong", serveBytes(bytes)), { verify });
    expect((await failure(result)).code).toBe("E_CHECKSUM");
    expect(parts(target)).toEqual([]);
  });
});

it("stops at once when it is told to, and keeps what came", async () => {
  const abort = new AbortController();
  const handler: Handler = (_, response) => {
    response.writeHead(200, { ETag: '"v1"', "Content-Length": bytes.length });
    response.write(bytes.subarray(0, 500_000));
  };
  const onProgress = (received: number) => {
    if (received >= 500_000) abort.abort();
  };
  const { result, target } = start(server.at("/stop", handler), { signal: abort.signal, onProgress });
  await expect(result).rejects.toThrow(/abort/i);
  expect(readFileSync(`${target}.part`).equals(bytes.subarray(0, 500_000))).toBe(true);
});

it("does not trust a partial file whose description is damaged", async () => {
  const target = join(root, "damaged", "set.zip");
  mkdirSync(join(root, "damaged"));
  writeFileSync(`${target}.part`, randomBytes(5000));
  writeFileSync(`${target}.part.json`, '{"address":');
  await start(server.at("/again", serveBytes(bytes)), { target }).result;
  const digest = (content: Buffer) => createHash("sha256").update(content).digest("hex");
  expect(digest(readFileSync(target))).toBe(digest(bytes));
});
