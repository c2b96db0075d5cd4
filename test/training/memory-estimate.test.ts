import { describe, expect, it } from "vitest";
import { resolveOptions } from "../../src/options/resolve.js";
import { estimateMemory } from "../../src/training/memory-estimate.js";

const GIB = 2 ** 30;

function estimate(flags: Record<string, unknown>, side: number) {
  return estimateMemory(resolveOptions({ flags }).options, { width: side, height: side });
}

describe("estimateMemory", () => {
  // Peaks of whole processes that trained three steps and saved, on 2 cores.
  it.each([
    ["pix2pix", 256, 2.56],
    ["cycle_gan", 256, 2.69],
    ["cycle_gan", 128, 1.76],
  ])("is within a quarter of what %s took at %i", (model, side, measured) => {
    const { state, activations, saving } = estimate({ model }, side);
    const ratio = (state + activations + saving) / GIB / measured;
    expect(ratio).toBeGreaterThan(0.75);
    expect(ratio).toBeLessThan(1.25);
  });

  it("grows with the batch, but not the weights", () => {
    const one = estimate({ model: "cycle_gan" }, 64);
    const four = estimate({ model: "cycle_gan", batch_size: 4 }, 64);
    expect(four.state).toBe(one.state);
    expect(four.activations).toBeGreaterThan(one.activations * 1.3);
  });
});
