import { execFile } from "node:child_process";
import { rm, statfs, writeFile } from "node:fs/promises";
import { availableParallelism, totalmem } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeFolder } from "../../formats/make-folder.js";
import { defaults } from "../../options/presets.js";
import { givenOptions } from "../../options/resolve.js";
import { version } from "../../version.js";
import type { Command } from "../command.js";

interface Check {
  readonly name: string;
  /** `false` means that pixcycle cannot work; `undefined` that something optional is not there. */
  readonly ok: boolean | undefined;
  readonly detail: string;
}

const PROVIDER_TIMEOUT_MS = 30_000;
const OLDEST_NODE = [20, 15] as const;
const NEEDED_FORMATS = ["png", "jpeg", "webp", "tiff"] as const;

/** Checks what pixcycle needs of the machine, and that it can train. */
export const command: Command = {
  options: ["runs_dir"],
  examples: ["doctor", "doctor --json"],
  async run(call, output) {
    const { runs_dir = defaults.runs_dir } = givenOptions(await call.sources());
    const checks: Check[] = [];
    const report = (check: Check) => {
      checks.push(check);
      if (!output.json) output.result(`${mark(check)} ${check.name.padEnd(14)} ${check.detail}`);
    };
    report({ name: "pixcycle", ok: true, detail: version });
    for (const check of [checkNode(), checkThreads(), checkMemory()]) report(check);
    report(await checkRuntime());
    report(await checkImages());
    report(await checkWriting(runs_dir));
    const providers = await checkProviders();
    for (const check of providers) report(check);
    if (providers.some(({ name, ok }) => name === "on webgpu" && ok)) {
      report(await checkPlacement());
      report(await checkAllSteps());
    }
    report(await checkTraining());
    if (output.json) output.result(JSON.stringify({ checks }));
    return checks.every(({ ok }) => ok !== false) ? 0 : 1;
  },
};

function mark({ ok }: Check): string {
  if (ok === undefined) return "  -  ";
  return ok ? "  ok " : "FAILS";
}

function checkNode(): Check {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const ok = major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
  const needed = ok ? "" : `; ${OLDEST_NODE.join(".")} or newer is needed`;
  return { name: "node", ok, detail: `${process.version} on ${process.platform} ${process.arch}${needed}` };
}

async function checkRuntime(): Promise<Check> {
  const name = "onnxruntime";
  try {
    const { env } = await import("onnxruntime-node");
    return { name, ok: true, detail: env.versions.node ?? "loads" };
  } catch (error) {
    return { name, ok: false, detail: firstLine(error) };
  }
}

function checkThreads(): Check {
  return { name: "threads", ok: true, detail: `${availableParallelism()} cores can be used` };
}

function checkMemory(): Check {
  const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  const available = process.availableMemory();
  return {
    name: "memory",
    ok: available > 2 ** 30 ? true : undefined,
    detail: `${gib(available)} available of ${gib(totalmem())}`,
  };
}

async function checkImages(): Promise<Check> {
  const name = "images (sharp)";
  try {
    const { default: sharp } = await import("sharp");
    const missing = NEEDED_FORMATS.filter((format) => !sharp.format[format]?.input.buffer);
    const known = NEEDED_FORMATS.filter((format) => !missing.includes(format)).join(", ");
    const lacks = missing.length === 0 ? "" : `; cannot read ${missing.join(", ")}`;
    return { name, ok: missing.length === 0, detail: `${sharp.versions.sharp}: ${known}${lacks}` };
  } catch (error) {
    return { name, ok: false, detail: firstLine(error) };
  }
}

async function checkWriting(folder: string): Promise<Check> {
  const probe = join(folder, `.probe-${process.pid}`);
  try {
    const created = await makeFolder(folder);
    await writeFile(probe, "probe");
    const { bavail, bsize } = await statfs(folder);
    await rm(created ?? probe, { recursive: true });
    return {
      name: "writing",
      ok: true,
      detail: `${folder}: ${((bavail * bsize) / 2 ** 30).toFixed(1)} GiB free`,
    };
  } catch (error) {
    return { name: "writing", ok: false, detail: firstLine(error) };
  }
}

/** Tries every execution provider that the installed ONNX Runtime has; only the CPU's is needed. */
async function checkProviders(): Promise<Check[]> {
  const { listSupportedBackends } = await import("onnxruntime-node");
  const names = listSupportedBackends().map(({ name }) => name);
  return Promise.all(
    names.map(async (name) => {
      const failure = await probeProvider(name);
      if (failure === undefined)
        return { name: `on ${name}`, ok: true, detail: "loads and computes rightly" };
      return { name: `on ${name}`, ok: name === "cpu" ? false : undefined, detail: failure };
    }),
  );
}

/** Why a provider does not work, or undefined if it does. */
function probeProvider(name: string): Promise<string | undefined> {
  const script = fileURLToPath(new URL("../provider-probe.js", import.meta.url));
  return new Promise((resolve) => {
    execFile(process.execPath, [script, name], { timeout: PROVIDER_TIMEOUT_MS }, (error, _, stderr) => {
      if (error === null) return resolve(undefined);
      const reason = stderr.trim().split("\n").at(-1) ?? "";
      // ONNX Runtime puts the place in its source in front.
      const plain = reason.replace(/^\S+:\d+ .* was false\. /, "").slice(0, 120);
      resolve(plain === "" ? `does not load (${error.signal ?? `exit ${error.code}`})` : plain);
    });
  });
}

/** Trains the same on WebGPU, and tells which provider each operator of the step is on. */
async function checkPlacement(): Promise<Check> {
  const name = "webgpu step";
  try {
    const { profiled } = await import("../../runtime/node/profile.js");
    const { selfTest } = await import("../../training/self-test.js");
    const { result, profile } = await profiled((profilePrefix) =>
      selfTest({ threads: 0, device: "webgpu", profilePrefix }),
    );
    const places = profile.providers.map((place) => `${place.nodes} operators on ${place.name}`);
    return { name, ok: true, detail: `${result}; ${places.join(", ")}` };
  } catch (error) {
    return { name, ok: undefined, detail: firstLine(error) };
  }
}

/** Whether WebGPU takes every operator of every preset's step. */
async function checkAllSteps(): Promise<Check> {
  const name = "webgpu models";
  try {
    const { placeSteps } = await import("../../runtime/node/placement.js");
    const placed = await placeSteps("webgpu");
    const counts = [...placed].map(([kind, operators]) => `${kind} ${operators}`);
    return { name, ok: true, detail: `all operators of a step are on it: ${counts.join(", ")}` };
  } catch (error) {
    return { name, ok: undefined, detail: firstLine(error) };
  }
}

/** Trains a very small pix2pix for two steps. */
async function checkTraining(): Promise<Check> {
  const name = "self test";
  try {
    const { selfTest } = await import("../../training/self-test.js");
    return { name, ok: true, detail: await selfTest() };
  } catch (error) {
    return { name, ok: false, detail: firstLine(error) };
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";
}
