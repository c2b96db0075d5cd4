/** Where tests of browsers and of WebGPU fail, rather than being skipped, without what they need. */
export const MUST_HAVE_DEVICES = process.env.CI === "true" && process.platform === "linux";
