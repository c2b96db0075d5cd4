import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { editDistance, lookUpOption, nearest, negationOf, otherSpellings } from "../../src/options/names.js";
import { allOptions } from "../../src/options/schema.js";

describe("option names", () => {
  it("finds every option, with either separator", () => {
    for (const name of Object.keys(allOptions)) {
      expect(lookUpOption(name)).toEqual({ kind: "option", name, negated: false });
      expect(lookUpOption(name.replaceAll("_", "-"))).toMatchObject({ name });
    }
  });

  it("has no spelling that means two things", () => {
    const all = [...Object.keys(allOptions), ...otherSpellings];
    expect(new Set(all).size).toBe(all.length);
  });

  it("negates a negation back", () => {
    expect(negationOf("no_flip")).toBe("flip");
    expect(negationOf("continue_train")).toBe("no_continue_train");
    expect(lookUpOption("flip")).toEqual({ kind: "option", name: "no_flip", negated: true });
  });

  it("does not take names of Object's own for options", () => {
    for (const name of ["constructor", "__proto__", "toString"]) {
      expect(lookUpOption(name).kind).toBe("unknown");
    }
  });
});

describe("editDistance", () => {
  it.each([
    ["", "abc", 3],
    ["kitten", "sitting", 3],
    ["lamda_L1", "lambda_L1", 1],
    ["nromal", "normal", 1],
  ])("%s → %s is %i", (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
  });

  it("is symmetric, zero only for equal words, at most the longer length", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
        const distance = editDistance(a, b);
        expect(distance).toBe(editDistance(b, a));
        expect(distance === 0).toBe(a === b);
        expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
      }),
    );
  });

  it("suggests nothing that is far away", () => {
    expect(nearest("zzzzzz", ["lr", "beta1"])).toBeUndefined();
  });
});
