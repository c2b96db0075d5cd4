import type { TensorMap } from "../formats/tensor.js";

/** What the rate is multiplied with after the training was taken back. */
export const RECOVERY_RATE = 0.5;

/** The first loss that is not a number, if there is one. */
export function badLoss(
  losses: Readonly<Record<string, number>>,
): { name: string; value: number } | undefined {
  const bad = Object.entries(losses).find(([, value]) => !Number.isFinite(value));
  return bad === undefined ? undefined : { name: bad[0], value: bad[1] };
}

/** Whether all numbers of a state are finite. */
export function isSound(state: TensorMap): boolean {
  return [...state.values()].every(
    ({ dtype, data }) => dtype !== "F32" || (data as Float32Array).every(Number.isFinite),
  );
}
