import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { allOptions } from "../../src/options/schema.js";
import { runCli } from "./run-cli.js";

function complete(script: string, words: readonly string[]): string[] {
  const quoted = words.map((word) => `'${word}'`).join(" ");
  const program = `${script}\nCOMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; _pixcycle; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync("bash", ["-c", program], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line !== "");
}

describe("completion", () => {
  it("in bash offers commands, flags and choices", async () => {
    const { stdout: script } = await runCli(["completion", "bash"]);
    expect(complete(script, ["pixcycle", "tr"])).toEqual(
      ["train", "translate"].filter((name) => script.includes(`    ${name})`)),
    );
    expect(complete(script, ["pixcycle", "train", "--lambda_"])).toEqual(
      Object.keys(allOptions)
        .filter((name) => name.startsWith("lambda_"))
        .map((name) => `--${name}`),
    );
    expect(complete(script, ["pixcycle", "train", "--norm", ""])).toEqual([
      "batch",
      "instance",
      "instance_affine",
      "none",
    ]);
    expect(complete(script, ["pixcycle", "train", "--netG", "unet_2"])).toEqual(["unet_256"]);
  });

  it.each(["zsh", "fish"])("in %s names every option of train", async (shell) => {
    const { status, stdout } = await runCli(["completion", shell]);
    expect(status).toBe(0);
    const flag = shell === "zsh" ? (name: string) => `--${name}[` : (name: string) => `-l ${name} `;
    for (const name of Object.keys(allOptions)) expect(stdout).toContain(flag(name));
  });
});
