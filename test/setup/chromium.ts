import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, chromium } from "playwright-core";
import { MUST_HAVE_DEVICES } from "./must-have.js";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/**
 * The Chromium of this machine: the variable CHROMIUM, or the first on the PATH; undefined if there is none. Continuous
 * integration on Linux must have it, as it must have WebGPU.
 */
export const CHROMIUM: string | undefined = process.env.CHROMIUM ?? installed();
if (CHROMIUM === undefined && MUST_HAVE_DEVICES) throw new Error("There is no Chromium on this machine.");

/** Arguments that give pages a WebGPU device where there is no graphics card: SwiftShader computes on the CPU. */
const SOFTWARE_GPU = [
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--enable-features=Vulkan",
  "--ignore-gpu-blocklist",
];

/**
 * Starts Chromium without a window; the caller closes it. Tests that need it are under
 * `describe.skipIf(CHROMIUM === undefined)`.
 */
export function launchChromium({
  webgpu = false,
  args = [],
}: {
  readonly webgpu?: boolean;
  readonly args?: readonly string[];
} = {}): Promise<Browser> {
  if (CHROMIUM === undefined) throw new Error("There is no Chromium on this machine.");
  // Containers have neither the sandbox's privileges nor a large /dev/shm.
  const always = ["--no-sandbox", "--disable-dev-shm-usage"];
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [...always, ...(webgpu ? SOFTWARE_GPU : []), ...args],
  });
}

function installed(): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return folders
    .flatMap((folder) => NAMES.map((name) => join(folder, name)))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}
