import { type Device, deviceOf } from "./device.js";
import { GraphSession, type OrtModule } from "./ort.js";
import { compileCopy } from "./programs.js";

/**
 * Returns if a device can be used: a tiny graph is loaded on it.
 * @throws PixcycleError E_DEVICE
 */
export async function probeDevice(ort: OrtModule, name: Device["name"] | "auto"): Promise<void> {
  if (deviceOf(name).name === "cpu") return;
  const probe = compileCopy(new Map([["probe", [1]]]));
  const session = await GraphSession.create(ort, probe, { threads: 1, device: name });
  await session.close();
}
