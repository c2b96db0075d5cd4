import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runCli } from "./run-cli.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "pixcycle-"));
});
afterEach(() => rm(folder, { recursive: true }));

interface Check {
  readonly name: string;
  readonly ok?: boolean;
  readonly detail: string;
}

describe("doctor", () => {
  it("finds this machine fit, trains a step and leaves nothing behind", async () => {
    const { status, stdout } = await runCli(["doctor", "--json"], { cwd: folder });
    const { checks } = JSON.parse(stdout) as { checks: Check[] };
    expect(checks.filter(({ ok }) => ok === false)).toEqual([]);
    expect(status).toBe(0);
    const names = checks.map(({ name }) => name);
    for (const name of ["node", "onnxruntime", "threads", "memory", "images (sharp)", "writing", "on cpu"]) {
      expect(names).toContain(name);
    }
    expect(checks.at(-1)).toMatchObject({ name: "self test", ok: true });
    expect(checks.find(({ name }) => name === "images (sharp)")?.detail).toContain("png, jpeg, webp, tiff");
    expect(await readdir(folder)).toEqual([]);
  });

  it("reads the folder of runs from --config", async () => {
    await writeFile(join(folder, "options.json"), JSON.stringify({ runs_dir: "elsewhere" }));
    const { stdout } = await runCli(["doctor", "--config", "options.json"], { cwd: folder });
    expect(stdout).toMatch(/writing +elsewhere: /);
  });

  it("fails where runs cannot be written, in one line a check", async () => {
    await writeFile(join(folder, "runs"), "");
    const { status, stdout } = await runCli(["doctor"], { cwd: folder });
    expect(status).toBe(1);
    const failed = stdout.split("\n").filter((line) => line.startsWith("FAILS"));
    expect(failed).toHaveLength(1);
    expect(failed[0]).toContain("writing");
  });
});
