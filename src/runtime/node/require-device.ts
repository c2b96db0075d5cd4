import { type Device, deviceOf } from "../device.js";
import { GraphSession } from "../ort.js";
import { compileCopy } from "../programs.js";

/**
 * Returns if a device can be used, so that nothing is begun, or replaced, for one that cannot.
 * @throws PixcycleError E_DEVICE
 */
export async function requireDevice(name: Device["name"] | "auto"): Promise<void> {
  if (deviceOf(name).name === "cpu") return;
  const ort = await import("onnxruntime-node");
  const probe = compileCopy(new Map([["probe", [1]]]));
  const session = await GraphSession.create(ort, probe, { threads: 1, device: name });
  await session.close();
}
