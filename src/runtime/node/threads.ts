import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";

/**
 * The threads of an operator, for the options of a session. 0 stands for one on each core, which is what ONNX Runtime chooses by
 * itself; but in virtual machines whose cores have one thread it was seen to take one of two, so that there they are counted here.
 */
export function sessionThreads(threads: number): { readonly intraOpNumThreads?: number } {
  if (threads > 0) return { intraOpNumThreads: threads };
  return hasOneThreadPerCore() ? { intraOpNumThreads: availableParallelism() } : {};
}

/** As far as Linux tells. */
function hasOneThreadPerCore(): boolean {
  try {
    return readFileSync("/sys/devices/system/cpu/smt/active", "utf8").trim() === "0";
  } catch {
    return false;
  }
}
