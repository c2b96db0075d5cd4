import { execFileSync, spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  removeDirectoryAtomic,
  removePartials,
  resolveDirectory,
  writeDirectoryAtomic,
  writeFileAtomic,
} from "../../src/formats/atomic.js";

type FsPromises = typeof import("node:fs/promises");

/** Faults put into the file system calls of the module under test; all else is the real file system. */
const faults = vi.hoisted(() => ({
  write: undefined as string | undefined,
  renameTo: undefined as { target: string; code: string } | undefined,
  beforeRename: undefined as ((from: string, to: string) => Promise<void>) | undefined,
}));

vi.mock("node:fs/promises", async (importOriginal) => {
  const real = await importOriginal<FsPromises>();
  const failure = (code: string): Error => Object.assign(new Error(`${code}: injected`), { code });
  return {
    ...real,
    open: async (...args: Parameters<FsPromises["open"]>) => {
      const handle = await real.open(...args);
      if (faults.write !== undefined && args[1] === "wx") {
        handle.writeFile = async () => {
          await handle.write("half of the con");
          throw failure(faults.write!);
        };
      }
      return handle;
    },
    rename: async (from: string, to: string) => {
      await faults.beforeRename?.(from, to);
      if (faults.renameTo?.target === to && from.endsWith(".partial")) throw failure(faults.renameTo.code);
      return real.rename(from, to);
    },
  };
});

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "pixcycle-atomic-"));
});

afterEach(async () => {
  Object.assign(faults, { write: undefined, renameTo: undefined, beforeRename: undefined });
  await rm(folder, { recursive: true });
});

const at = (...names: string[]): string => path.join(folder, ...names);
const text = (file: string): Promise<string> => readFile(file, "utf8");

describe("writeFileAtomic", () => {
  it("writes text and bytes, replaces, and leaves nothing else", async () => {
    await writeFileAtomic(at("a"), "one");
    await writeFileAtomic(at("a"), Uint8Array.of(116, 119, 111));
    expect(await text(at("a"))).toBe("two");
    expect(await readdir(folder)).toEqual(["a"]);
  });

  it.each([
    ["ENOSPC", /the disk is full/],
    ["EDQUOT", /quota/],
    ["EROFS", /read-only/],
    ["EACCES", /permission denied/],
    ["EIO", /EIO: injected/],
  ])("%s in the middle of writing loses nothing", async (code, message) => {
    await writeFileAtomic(at("a"), "old");
    faults.write = code;
    await expect(writeFileAtomic(at("a"), "new")).rejects.toMatchObject({
      code: "E_FILE_WRITE",
      message: expect.stringMatching(message),
      hint: expect.stringMatching(/\.$/),
    });
    expect(await text(at("a"))).toBe("old");
    expect(await readdir(folder)).toEqual(["a"]);
  });

  it("says so when the folder is missing, is a file, or a folder has the name", async () => {
    await writeFile(at("file"), "x");
    await mkdir(at("taken"));
    await expect(writeFileAtomic(at("no", "a"), "x")).rejects.toThrow("its folder does not exist");
    await expect(writeFileAtomic(at("file", "a"), "x")).rejects.toThrow("its folder is a file");
    await expect(writeFileAtomic(at("taken"), "x")).rejects.toThrow("a folder has that name");
    expect(await readdir(folder)).toEqual(["file", "taken"]);
  });
});

describe("writeDirectoryAtomic", () => {
  const version = (label: string): Map<string, string> =>
    new Map([
      ["weights", label],
      ["state.json", label],
    ]);
  const labels = async (place: string): Promise<string[]> =>
    Promise.all(["weights", "state.json"].map((name) => text(path.join(place, name))));

  it("writes and replaces a folder, leaving nothing else", async () => {
    await writeDirectoryAtomic(at("latest"), version("1"));
    await writeDirectoryAtomic(at("latest"), new Map([["only", Uint8Array.of(50)]]));
    expect(await readdir(at("latest"))).toEqual(["only"]);
    expect(await readdir(folder)).toEqual(["latest"]);
  });

  it("has a complete version for readers before and between its renames", async () => {
    await writeDirectoryAtomic(at("latest"), version("1"));
    const seen: string[][] = [];
    faults.beforeRename = async () => {
      seen.push(await labels((await resolveDirectory(at("latest")))!));
    };
    await writeDirectoryAtomic(at("latest"), version("2"));
    expect(seen).toEqual([
      ["1", "1"],
      ["1", "1"],
    ]);
    expect(await labels((await resolveDirectory(at("latest")))!)).toEqual(["2", "2"]);
  });

  it("goes on from a crash between the two renames", async () => {
    await writeDirectoryAtomic(at("latest"), version("1"));
    await rename(at("latest"), at("latest.previous"));
    expect(await resolveDirectory(at("latest"))).toBe(at("latest.previous"));
    await writeDirectoryAtomic(at("latest"), version("2"));
    expect(await labels(at("latest"))).toEqual(["2", "2"]);
    expect(await readdir(folder)).toEqual(["latest"]);
  });

  it("keeps the old version when the disk fills up or the rename fails", async () => {
    await writeDirectoryAtomic(at("latest"), version("1"));
    faults.write = "ENOSPC";
    await expect(writeDirectoryAtomic(at("latest"), version("2"))).rejects.toThrow("the disk is full");
    faults.write = undefined;
    faults.renameTo = { target: at("latest"), code: "EACCES" };
    await expect(writeDirectoryAtomic(at("latest"), version("2"))).rejects.toMatchObject({
      code: "E_FILE_WRITE",
    });
    expect(await labels(at("latest"))).toEqual(["1", "1"]);
    expect(await readdir(folder)).toEqual(["latest"]);
  });

  it.each(["", ".", "..", "a/b", "a\\b"])("refuses %j as a file name", async (name) => {
    await expect(writeDirectoryAtomic(at("latest"), new Map([[name, ""]]))).rejects.toMatchObject({
      code: "E_INTERNAL",
    });
    expect(await readdir(folder)).toEqual([]);
  });
});

describe("after kill -9", () => {
  it("a complete version is there, and removePartials clears the rest", async () => {
    const tsc = ["node_modules/typescript/bin/tsc", "--ignoreConfig", "src/formats/atomic.ts"];
    const flags = ["--outDir", at("build"), "--module", "nodenext", "--target", "es2023", "--types", "node"];
    execFileSync(process.execPath, [...tsc, ...flags, "--skipLibCheck"]);
    await writeFile(at("build", "package.json"), '{"type":"module"}');
    const script = `
      const { writeDirectoryAtomic } = await import(${JSON.stringify(at("build", "formats", "atomic.js"))});
      for (let i = 0; ; i++) {
        const content = new Uint8Array(200_000).fill(i % 251);
        await writeDirectoryAtomic(${JSON.stringify(at("run", "latest"))}, new Map([["a", content], ["b", content]]));
        if (i === 0) console.log("ready");
      }`;
    await mkdir(at("run"));
    for (let round = 0; round < 8; round++) {
      const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      await new Promise((resolve) => child.stdout.once("data", resolve));
      await new Promise((resolve) => setTimeout(resolve, 3 + round * 7));
      child.kill("SIGKILL");
      await new Promise((resolve) => child.once("close", resolve));
      const place = await resolveDirectory(at("run", "latest"));
      const [a, b] = await Promise.all(["a", "b"].map((name) => readFile(path.join(place!, name))));
      expect(a).toHaveLength(200_000);
      expect(a!.every((byte) => byte === a![0])).toBe(true);
      expect(b!.equals(a!)).toBe(true);
    }
    await removePartials(at("run"));
    const left = await readdir(at("run"));
    expect(left.filter((name) => !["latest", "latest.previous"].includes(name))).toEqual([]);
  });
});

describe("removeDirectoryAtomic", () => {
  it("removes a folder under another name, and takes a missing one for removed", async () => {
    const target = path.join(folder, "step-1");
    await writeDirectoryAtomic(target, new Map([["a", "1"]]));
    await removeDirectoryAtomic(target);
    await removeDirectoryAtomic(target);
    expect(await readdir(folder)).toEqual([]);
  });

  it("leaves the folder whole where it cannot be renamed", async () => {
    const file = path.join(folder, "file");
    await writeFile(file, "");
    await expect(removeDirectoryAtomic(path.join(file, "step-1"))).rejects.toMatchObject({
      code: "E_FILE_WRITE",
    });
    expect(await readdir(folder)).toEqual(["file"]);
  });
});
