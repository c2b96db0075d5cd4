import { existsSync } from "node:fs";
import { PixcycleError } from "../../src/errors.js";
import { requireDevice } from "../../src/runtime/node/require-device.js";
import { MUST_HAVE_DEVICES } from "./must-have.js";

/** The Vulkan driver of SwiftShader, which computes on the CPU; Debian's chromium brings it. */
const SOFTWARE_DRIVER = "/usr/lib/chromium/vk_swiftshader_icd.json";

/**
 * Whether this process and those that it starts can use WebGPU; tests that need it are under `describe.skipIf(!WEBGPU)`.
 * Continuous integration on Linux must have it: there a machine without it fails them.
 */
export const WEBGPU = await available();

async function available(): Promise<boolean> {
  if (existsSync(SOFTWARE_DRIVER)) process.env.VK_ICD_FILENAMES ??= SOFTWARE_DRIVER;
  try {
    await requireDevice("webgpu");
    return true;
  } catch (error) {
    const isMissing = error instanceof PixcycleError && error.code === "E_DEVICE";
    if (!isMissing || MUST_HAVE_DEVICES) throw error;
    return false;
  }
}
