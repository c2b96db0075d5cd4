import { describe, expect, it } from "vitest";
import { LossScaler } from "../../src/runtime/loss-scaler.js";

/** The scale of each step, of optimisers G and D whose gradients overflow at the steps named. */
function scales(scaler: LossScaler, steps: number, overflows: Readonly<Record<number, readonly string[]>>) {
  return Array.from({ length: steps }, (_, i) => {
    for (const name of ["G", "D"])
      scaler.accepts(name, overflows[i]?.includes(name) ? Number.POSITIVE_INFINITY : 1);
    return scaler.endStep();
  });
}

/** PyTorch's `GradScaler` with its defaults: 2¹⁶, doubled after 2000 good steps, halved by a bad one. */
describe("LossScaler", () => {
  it("halves the scale once for a step, however many optimisers were skipped", () => {
    const seen = scales(new LossScaler(), 4, { 0: ["G", "D"], 2: ["D"] });
    expect(seen).toEqual([
      { lossScale: 65536, skipped: ["G", "D"] },
      { lossScale: 32768, skipped: [] },
      { lossScale: 32768, skipped: ["D"] },
      { lossScale: 16384, skipped: [] },
    ]);
  });

  it("doubles it after 2000 steps in a row without an overflow, and counts anew", () => {
    const seen = scales(new LossScaler(), 6002, { 1999: ["G"] }).map(({ lossScale }) => lossScale);
    expect(seen.slice(1998, 2001)).toEqual([65536, 65536, 32768]);
    expect(seen.slice(3999, 4001)).toEqual([32768, 65536]);
    expect(seen.slice(5999, 6001)).toEqual([65536, 131072]);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, 3.4e38])("takes a sum of %d for an overflow", (sum) => {
    expect(new LossScaler().accepts("G", sum)).toBe(false);
  });

  it("finds one number that is not finite among gradients", () => {
    const gradients = (value: number) => new Map([["a", { shape: [2], data: Float32Array.of(1, value) }]]);
    const scaler = new LossScaler();
    expect(scaler.acceptsGradients("G", gradients(-3e30))).toBe(true);
    expect(scaler.acceptsGradients("G", gradients(Number.NaN))).toBe(false);
    expect(scaler.acceptsGradients("G", gradients(Number.NEGATIVE_INFINITY))).toBe(false);
    expect(scaler.endStep().skipped).toEqual(["G", "G"]);
  });

  it("goes on from its state as if it had not been saved", () => {
    const [whole, saved] = [new LossScaler(), new LossScaler()];
    for (const scaler of [whole, saved]) scales(scaler, 1500, { 3: ["G"] });
    const continued = new LossScaler();
    continued.load(saved.toState());
    expect(scales(continued, 1000, {})).toEqual(scales(whole, 1000, {}));
  });
});
