import { type Device, deviceOf } from "../device.js";
import { probeDevice } from "../probe.js";

/**
 * Returns if a device can be used, so that nothing is begun, or replaced, for one that cannot.
 * @param fp16 whether it must compute in float16, too
 * @throws PixcycleError E_DEVICE
 */
export async function requireDevice(name: Device["name"] | "auto", fp16 = false): Promise<void> {
  // The CPU is always there; ONNX Runtime need not be loaded to say so.
  if (deviceOf(name).name === "cpu") return;
  const { ortModule } = await import("./ort-module.js");
  await probeDevice(ortModule, name, fp16);
}
