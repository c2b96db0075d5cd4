import { existsSync } from "node:fs";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createDirectoryAtomic } from "../../src/formats/atomic.js";
import { makeFolder } from "../../src/formats/make-folder.js";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "pixcycle-"));
});
afterEach(() => rm(root, { recursive: true }));

it("makes what is missing and tells the first folder that it made", async () => {
  expect(await makeFolder(join(root, "a/b/c"))).toBe(join(root, "a"));
  expect((await stat(join(root, "a/b/c"))).isDirectory()).toBe(true);
  expect(await makeFolder(join(root, "a/b/c"))).toBeUndefined();
  expect(await makeFolder(join(root, "a/b/d"))).toBe(join(root, "a/b/d"));
});

it("serves several callers at once", async () => {
  await Promise.all(Array.from({ length: 8 }, (_, i) => makeFolder(join(root, `x/y/${i % 2}`))));
  expect((await stat(join(root, "x/y/1"))).isDirectory()).toBe(true);
});

it("names a file in the way by the system's codes", async () => {
  await writeFile(join(root, "file"), "");
  await expect(makeFolder(join(root, "file"))).rejects.toMatchObject({ code: "EEXIST" });
  await expect(makeFolder(join(root, "file/below/it"))).rejects.toMatchObject({ code: "ENOTDIR" });
});

// Node's own recursive mkdir never returns here.
it.skipIf(!existsSync("/proc/self"))("refuses places where no folder can be made", async () => {
  await expect(makeFolder("/proc/nothing/runs")).rejects.toMatchObject({ code: "ENOTSUP" });
  await expect(createDirectoryAtomic("/proc/nothing/set", async () => 1)).rejects.toMatchObject({
    code: "E_FILE_WRITE",
    message: "Cannot write /proc/nothing/set: no folder can be made in /proc.",
  });
});
