import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { decodeImage } from "../../src/data/image.js";
import { encodeSafetensors } from "../../src/formats/safetensors.js";
import { runCli, startCli } from "../cli/run-cli.js";
import { noiseImage, temporaryFolder, writeImage } from "../data/files.js";
import { makeTarGz } from "./archives.js";
import { faultServer, type Handler, serveBytes } from "./fault-server.js";

const server = faultServer();
const cwd = temporaryFolder("data-cli");

describe("pixcycle data", () => {
  it("makes a set of pairs from photos: edges, combine, split, check", async () => {
    for (let i = 0; i < 10; i++)
      await writeImage(join(cwd, "photos", `${i}.png`), noiseImage(24, 24, 3, 8, `${i}`));
    for (const args of [
      "edges photos edges --sigma 1",
      "combine edges photos pairs",
      "split pairs --test 0.2 --out set",
    ]) {
      const { status, stderr } = await runCli(["data", ...args.split(" ")], { cwd });
      expect([status, stderr]).toEqual([0, ""]);
    }
    const { status, stdout } = await runCli(
      ["data", "check", "set", "--sheet", "sheet.png", "--load-size", "30", "--crop-size", "24"],
      { cwd },
    );
    expect(stdout).toMatch(
      /^set: pairs \(pairs side by side in train\): train 7 pairs, val 1 pairs, test 2 pairs/,
    );
    expect(stdout).toMatch(/^0 problems/m);
    expect(status).toBe(0);
    expect((await decodeImage(join(cwd, "sheet.png"))).width).toBeGreaterThan(100);
  });

  it("exits with 1 where there are problems, which --json tells in full", async () => {
    await writeImage(join(cwd, "bad/trainA/1.png"), noiseImage(8, 8));
    await writeImage(join(cwd, "bad/trainB/2.png"), noiseImage(8, 8));
    const { status, stdout } = await runCli(["data", "check", "bad", "--dataset_mode", "aligned", "--json"], {
      cwd,
    });
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      mode: "aligned",
      problems: 1,
      findings: [
        { severity: "problem", topic: "E_DATA_PAIR", files: ["bad/trainA/1.png", "bad/trainB/2.png"] },
        {},
      ],
    });
  });

  it("finds that the layout asked for is not there", async () => {
    await writeImage(join(cwd, "plain/1.png"), noiseImage(8, 8));
    const { status, stdout } = await runCli(["data", "check", "plain", "--dataset_mode", "aligned"], { cwd });
    expect(status).toBe(1);
    expect(stdout).toMatch(/^problem +E_DATA_MISSING: /m);
  });

  it("reads options from --config where an action has any", async () => {
    for (let i = 0; i < 4; i++) await writeImage(join(cwd, "few", "train", `${i}.png`), noiseImage(16, 8));
    writeFileSync(join(cwd, "options.json"), JSON.stringify({ seed: 7, crop_size: 999, load_size: 8 }));
    const split = await runCli(
      ["data", "split", "few/train", "--out", "split_few", "--config", "options.json"],
      { cwd },
    );
    expect(split.stdout).toMatch(/\(seed 7\)$/m);
    const check = ["data", "check", "few", "--dataset_mode", "aligned", "--preprocess", "crop"];
    expect((await runCli(check, { cwd })).stdout).not.toContain("999");
    expect((await runCli([...check, "--config", "options.json"], { cwd })).stdout).toContain("999");
  });

  it("on Ctrl-C keeps what came and says so", async () => {
    const bytes = Buffer.alloc(400_000, 7);
    const mirror = server.at("/slow/edges2shoes.tar.gz", (_, response) => {
      response.writeHead(200, { ETag: '"1"', "Content-Length": bytes.length * 2 });
      response.write(bytes);
    });
    const { process: child, result } = startCli(
      ["data", "get", "edges2shoes", "--mirror", mirror, "--dir", "cut"],
      { cwd },
    );
    const part = join(cwd, "cut", "edges2shoes.tar.gz.part");
    await expect.poll(() => sizeOf(part), { timeout: 20_000 }).toBe(bytes.length);
    child.kill("SIGINT");
    const { status, stderr } = await result;
    expect(status).toBe(130);
    expect(stderr).toMatch(/stopped; the same command/);
    expect(readdirSync(join(cwd, "cut")).sort()).toEqual([
      "edges2shoes.tar.gz.part",
      "edges2shoes.tar.gz.part.json",
    ]);
  });

  it("after kill -9 goes on where it was", async () => {
    const tar = await makeTarGz([["edges2shoes/train/1.png", randomBytes(500_000)]]);
    const stalling: Handler = (_, response) => {
      response.writeHead(200, { ETag: '"v1"', "Content-Length": tar.length });
      response.write(tar.subarray(0, 300_000));
    };
    const args = ["data", "get", "edges2shoes", "--dir", "killed", "--mirror"];
    const killed = startCli([...args, server.at("/k/edges2shoes.tar.gz", stalling)], { cwd });
    await expect
      .poll(() => sizeOf(join(cwd, "killed/edges2shoes.tar.gz.part")), { timeout: 20_000 })
      .toBe(300_000);
    killed.process.kill("SIGKILL");
    expect((await killed.result).signal).toBe("SIGKILL");

    const again = await runCli([...args, server.at("/k/edges2shoes.tar.gz", serveBytes(tar))], { cwd });
    expect([again.status, again.stdout.split("\n")[0]]).toEqual([
      0,
      "killed/edges2shoes is ready: 1 image (pairs, edges | photo)",
    ]);
    expect(server.ranges.get("/k/edges2shoes.tar.gz")).toEqual([`bytes=${300_000 - 65_536}-`]);
    expect(readdirSync(join(cwd, "killed")).sort()).toEqual(["edges2shoes", "edges2shoes.tar.gz.sha256"]);
    const known = await runCli(args.slice(0, -1), { cwd });
    expect([known.status, known.stdout]).toEqual([0, expect.stringMatching(/is there already: 1 image /)]);
  });

  it("where the disk is full, while it fetches or extracts, keeps what is whole and goes on later", async () => {
    const block = randomBytes(4000);
    const tar = await makeTarGz([
      ["edges2shoes/train/noise.png", randomBytes(250_000)],
      ["edges2shoes/train/even.png", Buffer.concat(new Array(150).fill(block))],
    ]);
    const mirror = server.at("/full/edges2shoes.tar.gz", serveBytes(tar));
    const args = ["data", "get", "edges2shoes", "--dir", "full", "--mirror", mirror];
    const withRoom = (kib: number) => runCli(args, { cwd, prefix: `trap '' XFSZ; ulimit -f ${kib}` });

    const fetching = await withRoom(200);
    expect([fetching.status, fetching.stderr.trim().split("\n").at(-1)]).toEqual([
      1,
      expect.stringMatching(/^E_FILE_WRITE: Cannot write full\/edges2shoes\.tar\.gz: /),
    ]);
    expect(sizeOf(join(cwd, "full/edges2shoes.tar.gz.part"))).toBe(200 * 1024);

    const extracting = await withRoom(500);
    expect([extracting.status, extracting.stderr.trim().split("\n").at(-1)]).toEqual([
      1,
      expect.stringMatching(/^E_FILE_WRITE: Cannot write full\/edges2shoes: /),
    ]);
    expect(readdirSync(join(cwd, "full"))).toEqual(["edges2shoes.tar.gz"]);

    const { status, stdout } = await runCli(args, { cwd });
    expect([status, stdout]).toEqual([0, expect.stringContaining("is ready: 2 images")]);
    expect(server.ranges.get("/full/edges2shoes.tar.gz")).toEqual([
      undefined,
      `bytes=${200 * 1024 - 65_536}-`,
    ]);
  });

  it.each([
    [["data", "get", "maps"], "E_OPTION: There are two of the name maps: cyclegan/maps"],
    [["data", "gte", "x"], 'E_USAGE: pixcycle data cannot "gte". Did you mean get?'],
    [["data", "check", "x", "--sigma", "3"], "E_USAGE: --sigma is not for pixcycle data check."],
    [["data", "list", "--config", "x.json"], "E_USAGE: --config is not for pixcycle data list."],
    [["data", "combine", "a", "b"], "E_USAGE: pixcycle data combine takes A B OUT."],
    [["data", "edges", "a", "b", "--low", "x"], 'E_OPTION: --low expects a number, got "x".'],
    [["model", "get", "horse2zebr"], 'E_OPTION: "horse2zebr" is not in the list. Did you mean horse2zebra?'],
    [
      ["model", "get", "zebra2horse", "--mirror", "ftp://x"],
      "E_OPTION: --mirror expects an http or https address",
    ],
  ])("%j is one coded line", async (args, line) => {
    const { status, stdout, stderr } = await runCli(args, { cwd });
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr.startsWith(line), stderr).toBe(true);
  });

  it("fetches a generator and says how to use it", async () => {
    const tensor = { dtype: "F32", shape: [1], data: new Float32Array(1) } as const;
    const file = Buffer.from(encodeSafetensors(new Map([["model.1.weight", tensor]])));
    const mirror = server.at("/m/zebra2horse.pth", serveBytes(file));
    const { status, stdout } = await runCli(
      ["model", "get", "zebra2horse", "--mirror", mirror, "--dir", "m"],
      {
        cwd,
      },
    );
    expect([status, stdout.trim().split("\n")]).toEqual([
      0,
      [
        expect.stringMatching(/^m\/zebra2horse\.pth is ready \(/),
        "look into it: pixcycle inspect m/zebra2horse.pth",
        "use it:       pixcycle translate m/zebra2horse.pth photos/",
      ],
    ]);
  });

  it("lists what there is", async () => {
    const { stdout } = await runCli(["data", "list"]);
    expect(stdout).toMatch(/^horse2zebra +116.9 MB {2}unpaired/m);
    expect(stdout.trim().split("\n")).toHaveLength(16);
    const models = JSON.parse((await runCli(["model", "list", "--json"])).stdout);
    expect(models).toHaveLength(23);
  });
});

function sizeOf(path: string): number {
  try {
    return readFileSync(path).length;
  } catch {
    return 0;
  }
}
