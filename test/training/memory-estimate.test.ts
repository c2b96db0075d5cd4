import { describe, expect, it } from "vitest";
import { generatorDivisor as networkDivisor } from "../../src/networks/registry.js";
import { generatorDivisor } from "../../src/options/conflicts.js";
import { resolveOptions } from "../../src/options/resolve.js";
import { networkOptions } from "../../src/options/schema.js";
import { estimateMemory } from "../../src/training/memory-estimate.js";

const GIB = 2 ** 30;

function total(flags: Record<string, unknown>): number {
  const { state, activations, saving } = estimateMemory(resolveOptions({ flags }).options);
  return (state + activations + saving) / GIB;
}

describe("estimateMemory", () => {
  // Peaks of whole processes that trained three steps and saved, on 2 cores.
  it.each([
    [{ model: "pix2pix" }, 3.38],
    [{ model: "cycle_gan" }, 5.34],
    [{ model: "cycle_gan", crop_size: 128, load_size: 128 }, 2.7],
  ])("is within a quarter of what %j took", (flags, measured) => {
    expect(total(flags) / measured).toBeGreaterThan(0.75);
    expect(total(flags) / measured).toBeLessThan(1.25);
  });

  it("grows with the batch and the image, not the weights", () => {
    const small = { model: "cycle_gan", crop_size: 64, load_size: 64 };
    const one = estimateMemory(resolveOptions({ flags: small }).options);
    const four = estimateMemory(resolveOptions({ flags: { ...small, batch_size: 4 } }).options);
    expect(four.state).toBe(one.state);
    expect(four.activations).toBeGreaterThan(one.activations * 1.3);
  });
});

describe("generatorDivisor", () => {
  it("says the same for options as for networks", () => {
    for (const name of networkOptions.netG.options) expect(generatorDivisor(name)).toBe(networkDivisor(name));
  });
});
