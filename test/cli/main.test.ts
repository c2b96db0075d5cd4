import { readdir, readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { joinWords } from "../../src/cli/arguments.js";
import { registry } from "../../src/cli/registry.js";
import { allOptions } from "../../src/options/schema.js";
import { runCli } from "./run-cli.js";

describe("the registry", () => {
  it("has a line for every file in commands/, and each loads", async () => {
    const files = await readdir(new URL("../../src/cli/commands/", import.meta.url));
    expect(registry.map(({ name }) => `${name}.ts`).sort()).toEqual(files.sort());
    for (const { load } of registry) expect((await load()).command.run).toBeTypeOf("function");
  });
});

describe("joinWords", () => {
  it("writes flag names with _, and nothing else", () => {
    const tokens = ["train", "--load-size=a-b", "--no-flip", "-V", "a-b", "--", "--as-is"];
    expect(joinWords(tokens)).toEqual([
      "train",
      "--load_size=a-b",
      "--no_flip",
      "-V",
      "a-b",
      "--",
      "--as-is",
    ]);
  });
});

describe("help and version", () => {
  it("lists every command without loading one", async () => {
    const { status, stdout, stderr } = await runCli([]);
    expect([status, stderr]).toEqual([0, ""]);
    for (const { name, summary } of registry)
      expect(stdout).toMatch(new RegExp(`${name}.*${summary.slice(0, 20)}`));
  });

  it("shows a command's options in groups, with choices and examples", async () => {
    const { status, stdout } = await runCli(["train", "--help"]);
    expect(status).toBe(0);
    const headings = stdout.match(/^\S.*:$/gm);
    expect(headings).toEqual(
      ["Model", "Data", "Running", "Networks", "Losses", "Optimiser", "General", "Examples"].map(
        (title) => `${title}:`,
      ),
    );
    for (const name of Object.keys(allOptions)) expect(stdout).toContain(`--${name}`);
    expect(stdout).not.toContain("gpu_ids");
    expect(stdout.replaceAll(/\s+/g, " ")).toContain(
      "normalisation layer: batch, instance, instance_affine, none",
    );
  });

  it("shows the same after help, examples with comments on lines of their own", async () => {
    const { status, stdout } = await runCli(["help", "data"]);
    expect(status).toBe(0);
    expect(stdout).toBe((await runCli(["data", "--help"])).stdout);
    expect(stdout).toContain("\n  # the data sets that can be fetched\n  pixcycle data list\n");
    expect((await runCli(["help"])).stdout).toBe((await runCli([])).stdout);
  });

  it("prints the version of package.json", async () => {
    const { version } = JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8"));
    expect((await runCli(["--version"])).stdout).toBe(`${version}\n`);
  });
});

describe("wrong usage", () => {
  it.each([
    [["trian"], 'E_USAGE: There is no command "trian". Did you mean train?'],
    [["--lr", "1"], "E_OPTION: There is no option --lr. See --help for the options."],
    [["train", "--lamda-L1", "1"], "E_OPTION: There is no option --lamda_L1. Did you mean --lambda_L1?"],
    [["train", "--lr"], "E_USAGE: Option '--lr <n>' argument missing. See pixcycle train --help."],
    [["completion"], "E_USAGE: Missing required argument 'shell'. See pixcycle completion --help."],
    [
      ["train", "extra"],
      "E_USAGE: Too many arguments for 'train'. Expected 0 arguments but got 1. See pixcycle train --help.",
    ],
    [["train", "--model", "pix2pix", "--lr", "x"], 'E_OPTION: --lr expects a number above 0, got "x".'],
    [["train", "--model", "pix2pix"], "E_OPTION: No data set is given. Give its folder with --dataroot."],
    [
      ["train", "--model", "pix2pix", "--crop_size", "99", "--dataroot", "x"],
      "E_OPTION_CONFLICT: netG unet_256",
    ],
  ])("%j is one coded line and status 2", async (args, line) => {
    const { status, stdout, stderr } = await runCli(args);
    expect(status).toBe(2);
    expect(stdout).toBe("");
    expect(stderr.startsWith(line), stderr).toBe(true);
    expect(stderr.trimEnd()).not.toContain("\n");
  });

  it("shows a stack only with --debug", async () => {
    const args = ["completion", "tcsh"];
    expect((await runCli(args)).stderr).toMatch(/^E_USAGE: [^\n]*\n$/);
    expect((await runCli([...args, "--debug"])).stderr).toMatch(/^E_USAGE: .*\n.*\n\s+at /);
  });
});
