import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  addresses,
  dataSets,
  findRemote,
  fullName,
  localName,
  pretrainedModels,
  type RemoteFile,
} from "../../src/data/download/catalogue.js";
import { DOWNLOAD_LIMITS } from "../../src/data/download/download.js";
import { EXTRACT_LIMITS } from "../../src/data/download/entries.js";
import { type GetOptions, getDataSet, getModel } from "../../src/data/download/get.js";
import { downloadProgress, progressLine } from "../../src/data/download/progress.js";
import { encodeSafetensors } from "../../src/formats/safetensors.js";
import { failure, temporaryFolder } from "../data/files.js";
import { type Members, makeTarGz, makeZip } from "./archives.js";
import { faultServer, serveBytes } from "./fault-server.js";

const server = faultServer();
const root = temporaryFolder("get");
let folders = 0;

function options(changes: Partial<GetOptions> = {}): GetOptions {
  return {
    dir: join(root, String(folders++)),
    keepArchive: false,
    watcher: { onProgress: () => undefined, onExtract: () => undefined, onNotice: () => undefined },
    signal: new AbortController().signal,
    downloadLimits: { ...DOWNLOAD_LIMITS, silenceMs: 500, attempts: 2, pauseMs: 1 },
    extractLimits: EXTRACT_LIMITS,
    ...changes,
  };
}

/** A set of the catalogue that is served here, and whose size is what it is here. */
function served(name: string, bytes: Buffer): RemoteFile {
  const url = server.at(`/${name}`, serveBytes(bytes));
  const { bytes: _, ...file } = findRemote(name, dataSets);
  return { ...file, url };
}

const four: Members = ["trainA", "trainB", "testA", "testB"].map((folder) => [
  `horse2zebra/${folder}/1.jpg`,
  Buffer.from(folder),
]);

describe("the catalogue", () => {
  it("has every set and generator once, with the sizes that are known", () => {
    const names = [...dataSets, ...pretrainedModels].map(({ url }) => url);
    expect(new Set(names).size).toBe(names.length);
    expect([dataSets.length, pretrainedModels.length]).toEqual([16, 23]);
    expect(findRemote("horse2zebra", dataSets)).toMatchObject({
      url: "https://efrosgans.eecs.berkeley.edu/cyclegan/datasets/horse2zebra.zip",
      bytes: 116_867_962,
    });
    expect(findRemote("pix2pix/facades", dataSets).url).toBe(
      "http://efrosgans.eecs.berkeley.edu/pix2pix/datasets/facades.tar.gz",
    );
  });

  it("asks which is meant where two have one name, and suggests the nearest", () => {
    expect(() => findRemote("maps", dataSets)).toThrow(
      /two of the name maps: cyclegan\/maps .* pix2pix\/maps/,
    );
    expect(() => findRemote("horse2zebr", dataSets)).toThrow(
      expect.objectContaining({ hint: "Did you mean horse2zebra?" }),
    );
    for (const file of dataSets) expect(findRemote(fullName(file, dataSets), dataSets)).toBe(file);
    expect(localName(findRemote("pix2pix/maps", dataSets), dataSets)).toBe("pix2pix-maps");
  });

  it("puts mirrors first: folders that stand for the host, or the file itself", () => {
    const file = findRemote("horse2zebra", dataSets);
    expect(addresses(file, "https://a.org/copy/, http://b.org/h.zip?x=1")).toEqual([
      "https://a.org/copy/cyclegan/datasets/horse2zebra.zip",
      "http://b.org/h.zip?x=1",
      file.url,
    ]);
    expect(() => addresses(file, "ftp://a.org")).toThrow(expect.objectContaining({ code: "E_OPTION" }));
  });
});

describe("data get", () => {
  it("brings a set, keeps its checksum, and does not fetch it again", async () => {
    const file = served("horse2zebra", await makeZip(four));
    const at = options();
    const result = await getDataSet(file, at);
    expect(result).toMatchObject({ path: join(at.dir, "horse2zebra"), fetched: true, images: 4, leftOut: 0 });
    expect(readdirSync(at.dir).sort()).toEqual(["horse2zebra", "horse2zebra.zip.sha256"]);
    expect(readFileSync(join(at.dir, "horse2zebra.zip.sha256"), "utf8")).toBe(
      `${result.sha256}  horse2zebra.zip\n`,
    );
    expect(readFileSync(join(result.path, "testB", "1.jpg"), "utf8")).toBe("testB");

    expect(await getDataSet(file, at)).toMatchObject({ fetched: false, images: 4 });
    expect(server.ranges.get("/horse2zebra")).toHaveLength(1);
  });

  it("brings a tar.gz, and keeps the archive if asked to", async () => {
    const file = served("night2day", await makeTarGz([["night2day/train/1.jpg", Buffer.from("x")]]));
    const at = options({ keepArchive: true });
    await getDataSet(file, at);
    expect(readdirSync(at.dir).sort()).toEqual(["night2day", "night2day.tar.gz", "night2day.tar.gz.sha256"]);
    rmSync(join(at.dir, "night2day"), { recursive: true });
    await getDataSet(file, at);
    expect(server.ranges.get("/night2day")).toHaveLength(1);
    writeFileSync(join(at.dir, "night2day.tar.gz"), "changed");
    rmSync(join(at.dir, "night2day"), { recursive: true });
    expect((await failure(getDataSet(file, at))).toLine()).toMatch(
      /^E_CHECKSUM: night2day.tar.gz is not the file it was/,
    );
  });

  it("says what is missing from a set that was there", async () => {
    const file = served("horse2zebra", await makeZip(four));
    const at = options();
    const { path } = await getDataSet(file, at);
    rmSync(join(path, "testA", "1.jpg"));
    const error = await failure(getDataSet(file, at));
    expect(error.toLine()).toMatch(/^E_CHECKSUM: .* has 3 files of 17 bytes, not the 4 of 22/);
  });

  it("touches no folder of the same name that it did not make", async () => {
    const file = served("horse2zebra", await makeZip(four));
    const at = options();
    const { path } = await getDataSet(file, at);
    rmSync(join(path, ".source.json"));
    expect((await failure(getDataSet(file, at))).code).toBe("E_FILE_WRITE");
    expect(readdirSync(path)).toHaveLength(4);
  });

  it("refuses another file of a name whose checksum is known, and keeps nothing of it", async () => {
    const at = options();
    const { path } = await getDataSet(served("horse2zebra", await makeZip(four)), at);
    rmSync(path, { recursive: true });
    const other = four.map(([name]) => [name, Buffer.from("another")] as const);
    const error = await failure(getDataSet(served("horse2zebra", await makeZip(other)), at));
    expect(error.code).toBe("E_CHECKSUM");
    expect(error.hint).toContain("horse2zebra.zip.sha256");
    expect(readdirSync(at.dir)).toEqual(["horse2zebra.zip.sha256"]);
  });

  it.each<[string, () => Promise<Buffer>]>([
    ["a page instead of an archive", async () => Buffer.from("<html>please log in</html>")],
    ["an archive with ../", () => makeZip([...four, ["../x.jpg", Buffer.from("x")]])],
    ["an archive without testB", () => makeZip(four.slice(0, 3))],
    ["an archive cut short", async () => (await makeZip(four)).subarray(0, -9)],
  ])("after %s, nothing is trusted and nothing is left", async (_, make) => {
    const at = options();
    expect((await failure(getDataSet(served("horse2zebra", await make()), at))).code).toBe("E_ARCHIVE");
    expect(readdirSync(at.dir)).toEqual([]);
    await getDataSet(served("horse2zebra", await makeZip(four)), at);
    expect(existsSync(join(at.dir, "horse2zebra", "testB"))).toBe(true);
  });

  it("is done by one process at a time, and clears up after one that was killed", async () => {
    const file = served("horse2zebra", await makeZip(four));
    const at = options();
    mkdirSync(join(at.dir, "horse2zebra.1-ab.partial", "content"), { recursive: true });
    writeFileSync(join(at.dir, "horse2zebra.zip.lock"), String(process.pid));
    const error = await failure(getDataSet(file, at));
    expect(error.toLine()).toMatch(
      /^E_FILE_WRITE: Process \d+ is fetching this file now\. Wait .*remove .*\.lock/,
    );
    // No process has this number: Linux ends at 2^22.
    writeFileSync(join(at.dir, "horse2zebra.zip.lock"), "99999999");
    await getDataSet(file, at);
    expect(readdirSync(at.dir).sort()).toEqual(["horse2zebra", "horse2zebra.zip.sha256"]);
  });

  it("stops while it extracts, and keeps the archive for the next time", async () => {
    const file = served("horse2zebra", await makeZip(four));
    const abort = new AbortController();
    const at = options({ signal: abort.signal });
    const stopping = { ...at, watcher: { ...at.watcher, onExtract: () => abort.abort() } };
    await expect(getDataSet(file, stopping)).rejects.toThrow(/abort/i);
    expect(readdirSync(at.dir)).toEqual(["horse2zebra.zip"]);
    const { archive } = await getDataSet(file, { ...options(), dir: at.dir });
    expect(archive).toBe(join(at.dir, "horse2zebra.zip"));
    expect(server.ranges.get("/horse2zebra")).toHaveLength(1);
  });

  it("takes a mirror when the host has a file of another size", async () => {
    const zip = await makeZip(four);
    const right = server.at("/copies/horse2zebra.zip", serveBytes(zip));
    const file = { ...served("horse2zebra", Buffer.from("short")), bytes: zip.length };
    expect((await getDataSet(file, options({ mirror: right }))).images).toBe(4);
    const error = await failure(getDataSet(file, options()));
    expect(error.message).toContain(`has 5 bytes, not ${zip.length}`);
  });
});

describe("model get", () => {
  const weights = Buffer.from(
    encodeSafetensors(
      new Map([["model.1.weight", { dtype: "F32", shape: [1], data: new Float32Array([1]) }]]),
    ),
  );

  it("brings a file of weights, and compares its checksum from then on", async () => {
    const url = server.at("/h.pth", serveBytes(weights));
    const model = { ...findRemote("horse2zebra", pretrainedModels), url };
    const at = options();
    const { path } = await getModel(model, at);
    expect(readdirSync(at.dir).sort()).toEqual(["horse2zebra.pth", "horse2zebra.pth.sha256"]);
    expect((await getModel(model, at)).fetched).toBe(false);
    const changed = Buffer.from(readFileSync(path));
    changed[changed.length - 1]! ^= 1;
    writeFileSync(path, changed);
    expect((await failure(getModel(model, at))).code).toBe("E_CHECKSUM");
  });

  it.each([
    ["a page", Buffer.from("<html>not found</html>"), "E_FILE_FORMAT"],
    [
      "a pickle that would run a command",
      Buffer.from("\x80\x02cos\nsystem\nX\x02\x00\x00\x00id\x85R.", "latin1"),
      "E_",
    ],
  ])("refuses %s, and keeps nothing", async (_, bytes, code) => {
    const file: RemoteFile = {
      ...findRemote("zebra2horse", pretrainedModels),
      url: server.at("/z.pth", serveBytes(bytes)),
    };
    const at = options();
    const error = await failure(getModel(file, at));
    expect(error.code.startsWith(code), error.toLine()).toBe(true);
    expect(["E_FILE_FORMAT", "E_PICKLE_FORBIDDEN"]).toContain(error.code);
    expect(readdirSync(at.dir)).toEqual([]);
  });
});

describe("progress", () => {
  it("is one line, with what is known", () => {
    expect(progressLine(49_100_000, 116_900_000, 3_100_000)).toBe(
      "[##########--------------] 42 %  49.1 MB of 116.9 MB  3.1 MB/s  22 s left",
    );
    expect(progressLine(500, undefined)).toBe("0.5 kB");
  });

  it("without a terminal comes every ten seconds and at the end", () => {
    let clock = 0;
    const lines: string[] = [];
    const sink = { terminal: false, columns: 80, write: (text: string) => lines.push(text) };
    const progress = downloadProgress(sink, () => clock);
    for (let received = 0; received <= 100; received++, clock += 250)
      progress.onProgress(received * 1e6, 100e6);
    expect(lines).toHaveLength(4);
    expect(lines.at(-1)).toMatch(/100 %/);
    expect(lines.every((line) => /^[ -~]+\n$/.test(line))).toBe(true);
  });

  it("on a terminal rewrites one line that fits", () => {
    let clock = 0;
    let text = "";
    const sink = { terminal: true, columns: 30, write: (part: string) => (text += part) };
    const progress = downloadProgress(sink, () => clock);
    for (let received = 0; received <= 10; received++, clock += 250) progress.onProgress(received, 10);
    progress.end();
    expect(text.match(/\n/g)).toHaveLength(1);
    for (const line of text.split("\r")) expect(line.replaceAll("\x1b[K", "").trim().length).toBeLessThan(30);
  });
});
