import { describe, expect, it } from "vitest";
import { initialValue } from "../../src/nn/initialise.js";
import type { StateSpec } from "../../src/nn/state.js";

const weight = (shape: number[]): StateSpec => ({
  name: "model.1.weight",
  role: "parameter",
  shape,
  initial: { kind: "weight" },
});

function statistics(values: Float32Array): { mean: number; deviation: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, deviation: Math.sqrt(variance) };
}

describe("initialisers", () => {
  const shape = [64, 32, 4, 4];
  // 32,768 draws: the mean is within 5σ/181 and the deviation within 2 % but for one time in millions.
  it.each([
    ["normal", 0.02, 0.02],
    ["xavier", 0.5, 0.5 * Math.sqrt(2 / (32 * 16 + 64 * 16))],
    ["kaiming", 0.02, Math.sqrt(2 / (32 * 16))],
  ] as const)("%s has PyTorch's deviation", (init_type, init_gain, expected) => {
    const { mean, deviation } = statistics(
      initialValue(weight(shape), "net_G/w", { init_type, init_gain }, 7),
    );
    expect(Math.abs(mean)).toBeLessThan((5 * expected) / 181);
    expect(deviation / expected).toBeGreaterThan(0.98);
    expect(deviation / expected).toBeLessThan(1.02);
  });

  it.each([[[6, 3, 2, 2]], [[12, 2, 2, 2]]])(
    "orthogonal gives orthonormal rows or columns for %s",
    (shape) => {
      const gain = 0.7;
      const values = initialValue(weight(shape), "net_G/w", { init_type: "orthogonal", init_gain: gain }, 3);
      const rows = shape[0]!;
      const columns = values.length / rows;
      const byRow = rows <= columns;
      const vector = (i: number): number[] =>
        Array.from(
          { length: byRow ? columns : rows },
          (_, k) => values[byRow ? i * columns + k : k * columns + i]!,
        );
      for (let i = 0; i < Math.min(rows, columns); i++) {
        for (let j = 0; j <= i; j++) {
          const product = vector(i).reduce((sum, value, k) => sum + value * vector(j)[k]!, 0);
          expect(product).toBeCloseTo(i === j ? gain ** 2 : 0, 6);
        }
      }
    },
  );

  it("scales of a batch norm are N(1, gain), constants are constant, and names decide the draws", () => {
    const options = { init_type: "normal", init_gain: 0.02 } as const;
    const scale: StateSpec = {
      name: "n.weight",
      role: "parameter",
      shape: [20_000],
      initial: { kind: "scale" },
    };
    const { mean, deviation } = statistics(initialValue(scale, "a", options, 1));
    expect(mean).toBeCloseTo(1, 2);
    expect(deviation).toBeCloseTo(0.02, 3);
    const constant: StateSpec = { ...scale, initial: { kind: "constant", value: 1 } };
    expect(new Set(initialValue(constant, "a", options, 1))).toEqual(new Set([1]));
    expect(initialValue(scale, "a", options, 1)).toEqual(initialValue(scale, "a", options, 1));
    expect(initialValue(scale, "b", options, 1)).not.toEqual(initialValue(scale, "a", options, 1));
    expect(initialValue(scale, "a", options, 2)).not.toEqual(initialValue(scale, "a", options, 1));
  });
});
