import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  continueSchedule,
  endEpoch,
  type ScheduleOptions,
  startSchedule,
} from "../../src/training/schedule.js";

const base: ScheduleOptions = {
  ...{ lr: 0.0002, lr_policy: "linear", lr_decay_iters: 50 },
  ...{ n_epochs: 100, n_epochs_decay: 100, epoch_count: 1 },
};

/** The rates of epochs 1 to n. */
function rates(given: Partial<ScheduleOptions>, n: number, metric: (epoch: number) => number = () => 0) {
  const options = { ...base, ...given };
  let state = startSchedule(options);
  return Array.from({ length: n }, (_, index) => {
    const { learningRate } = state;
    state = endEpoch(state, options, metric(index + 1));
    return learningRate;
  });
}

describe("linear", () => {
  it("is constant for n_epochs, then falls by equal parts to 1/101 of the rate in epoch 200", () => {
    const all = rates({}, 200);
    expect(new Set(all.slice(0, 100))).toEqual(new Set([0.0002]));
    expect(all[100]).toBeCloseTo(0.0002 * (1 - 1 / 101), 15);
    expect(all[199]).toBeCloseTo(0.0002 / 101, 15);
  });

  it("counts epoch_count in", () => {
    expect(rates({ epoch_count: 150 }, 1)[0]).toBeCloseTo(0.0002 * (1 - 50 / 101), 15);
  });
});

describe("step", () => {
  it("falls to a tenth every lr_decay_iters epochs", () => {
    const all = rates({ lr_policy: "step", lr_decay_iters: 3 }, 8);
    const tenths = all.map((rate) => Math.round(Math.log10(0.0002 / rate)));
    expect(tenths).toEqual([0, 0, 0, 1, 1, 1, 2, 2]);
  });
});

describe("cosine", () => {
  it("falls along half a wave, to zero after n_epochs", () => {
    const all = rates({ lr_policy: "cosine", n_epochs: 10 }, 11);
    expect(all[0]).toBe(0.0002);
    expect(all[5]).toBeCloseTo(0.0001, 15);
    expect(all[10]).toBe(0);
  });
});

describe("plateau", () => {
  it("falls to a fifth after six epochs that are not better by 1 %", () => {
    const all = rates({ lr_policy: "plateau" }, 16, (epoch) => (epoch === 1 ? 1 : 0.995));
    expect(all.slice(0, 7)).toEqual(new Array(7).fill(0.0002));
    expect(all.slice(7, 13)).toEqual(new Array(6).fill(0.0002 * 0.2));
    expect(all[13]).toBeCloseTo(0.0002 * 0.04, 15);
  });

  it("stays while the metric falls", () => {
    expect(new Set(rates({ lr_policy: "plateau" }, 30, (epoch) => 1 / epoch))).toEqual(new Set([0.0002]));
  });

  it("makes no change below 1e-8", () => {
    const all = rates({ lr_policy: "plateau", lr: 1e-8 }, 20, () => 1);
    expect(new Set(all)).toEqual(new Set([1e-8]));
  });
});

describe("continueSchedule", () => {
  it("follows a changed lr, but keeps a plateau's rate", () => {
    const linear = endEpoch(startSchedule(base), base);
    expect(continueSchedule(linear, { ...base, lr: 0.1 }).learningRate).toBe(0.1);
    const options: ScheduleOptions = { ...base, lr_policy: "plateau" };
    const state = { ...startSchedule(options), learningRate: 0.5 };
    expect(continueSchedule(state, options)).toEqual(state);
  });
});

describe("PyTorch's schedulers", () => {
  type Case = ScheduleOptions & { readonly rates: readonly number[]; readonly metrics?: readonly number[] };
  const cases: Case[] = JSON.parse(
    readFileSync(new URL("../fixtures/goldens/lr_policies.json", import.meta.url), "utf8"),
  );

  it.each(cases)(
    "$lr_policy, lr $lr, $n_epochs + $n_epochs_decay epochs from $epoch_count, every $lr_decay_iters",
    ({ rates: expected, metrics, ...options }) => {
      const got = rates(options, expected.length, (epoch) => metrics?.[epoch - 1] ?? 0);
      for (const [index, rate] of expected.entries()) {
        expect(Math.abs(got[index]! - rate), `epoch ${index + 1}`).toBeLessThanOrEqual(1e-12 * options.lr);
      }
    },
  );
});
